"""smtplib: deliver a message; the server's last word has its subject."""

import smtplib


def call(server, number):
    with smtplib.SMTP(server.host, server.port, local_hostname="localhost", timeout=10) as smtp:
        smtp.ehlo()
        smtp.mail("me@example.com")
        smtp.rcpt("you@example.com")
        code, words = smtp.data(f"Subject: {number}\r\n\r\nHello.\r\n")
        assert code == 250
        return int(words)
