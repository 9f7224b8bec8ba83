"""ftplib: log in, fetch a file over a passive data connection."""

import ftplib
import io


def call(server, number):
    body = io.BytesIO()
    with ftplib.FTP(timeout=10) as ftp:
        ftp.connect(server.host, server.port)
        ftp.login()
        ftp.retrbinary(f"RETR {number}", body.write)
    return int(body.getvalue())
