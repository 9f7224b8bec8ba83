"""imaplib: log in, make a mailbox, add a message and fetch its subject."""

import imaplib


def call(server, number):
    box = f"box-{number}"
    with imaplib.IMAP4(server.host, server.port, timeout=20) as imap:
        imap.login("demouser", "demopass")
        imap.create(box)
        imap.append(box, None, None, f"Subject: {number}\r\n\r\nHello.\r\n".encode())
        imap.select(box)
        _, (head, *_) = imap.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")
        imap.close()
        imap.delete(box)
        return int(head[1].split()[1])
