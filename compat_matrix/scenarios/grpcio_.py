"""grpcio: one channel, a call with one answer."""

from contextlib import contextmanager

import grpc


@contextmanager
def opened(server):
    with grpc.insecure_channel(f"{server.host}:{server.port}") as channel:
        yield channel.unary_unary("/test.Echo/Call")


def call(echo, number):
    return int(echo(str(number).encode(), timeout=10))
