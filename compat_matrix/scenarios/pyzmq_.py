"""pyzmq: a request and its answer, between a green thread for each and one that answers late."""

from contextlib import contextmanager

import zmq

import greenbridge
from compat_matrix.services import LATENCY


@contextmanager
def opened(server):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")

        def answer():
            while True:
                parts = router.recv_multipart()
                greenbridge.spawn_later(LATENCY, router.send_multipart, parts)

        answering = greenbridge.spawn(answer)
        yield context, port
        answering.kill()


def call(client, number):
    context, port = client
    with context.socket(zmq.REQ) as socket:
        socket.connect(f"tcp://127.0.0.1:{port}")
        socket.send_string(str(number))
        return int(socket.recv_string())
