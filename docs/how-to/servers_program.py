"""Servers of one's own; see servers.md."""

# ruff: noqa: F401, I001 - the order of these imports is the point
# --8<-- [start:stream]
import greenbridge.auto

import socket

from greenbridge import Pool
from greenbridge.servers import DatagramServer, StreamServer


def echo(
    sock: socket.socket, address: object
) -> None:  # runs in a green thread; the socket is closed when it returns
    for line in sock.makefile("rb"):
        sock.sendall(line)


server = StreamServer("127.0.0.1:0", echo, spawn=Pool(1000))
# --8<-- [end:stream]


# --8<-- [start:datagram]
def answer(data: bytes, address: object) -> None:
    clock.sendto(data.upper(), address)


clock = DatagramServer("127.0.0.1:0", answer)
# --8<-- [end:datagram]

if __name__ == "__main__":
    # --8<-- [start:run]
    with server, clock:  # start, and stop at the end; serve_forever() waits for Ctrl-C or stop()
        with socket.create_connection(server.address) as sock:
            sock.sendall(b"hello\n")
            print(sock.recv(100))
        # --8<-- [end:run]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.sendto(b"tick", clock.address)
            assert sock.recv(100) == b"TICK"
