"""One test of sockets in every world of `worlds`: what it gets is a world with sockets.

A body that holds in the original's world is a fact about the stdlib; that it holds in
the others says that ours is no different. In green code `waits` proves as well that
whatever waited let others run, and that nothing is left behind.
"""

from __future__ import annotations

import functools
import inspect
import socket as stdlib_socket
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge.green import socket as green_socket
from greenbridge.testing import assert_no_leaks, assert_switches

from .conftest import LOOPS
from .worlds import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GREEN = (*LOOPS, "task")


class SocketWorld(World):
    """A world, the socket module that its code uses, and the sockets that it opened."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.socket: Any = stdlib_socket if self.original else green_socket
        self._opened: list[Any] = []

    def waits(self) -> AbstractContextManager[None]:
        """A block that, in green code, must let others run."""
        return assert_switches() if self.green else nullcontext()

    def keep(self, sock: Any) -> Any:
        """*sock*, which is closed after the test."""
        self._opened.append(sock)
        return sock

    def pair(self, *args: Any) -> tuple[Any, Any]:
        """A connected pair of sockets."""
        a, b = self.socket.socketpair(*args)
        return self.keep(a), self.keep(b)

    def new(self, *args: Any) -> Any:
        """A new socket."""
        return self.keep(self.socket.socket(*args))

    def listener(self, family: int = stdlib_socket.AF_INET) -> tuple[Any, Any]:
        """A TCP socket that listens on loopback, and its address."""
        host = "::1" if family == stdlib_socket.AF_INET6 else "127.0.0.1"
        sock = self.keep(self.socket.create_server((host, 0), family=family))
        return sock, sock.getsockname()

    def check(self, body: Callable[[], None]) -> None:
        """Run *body* in this world; it must leave nothing behind."""
        self.run(functools.partial(self._check, body))

    def _check(self, body: Callable[[], None]) -> None:
        with assert_no_leaks() if self.green else nullcontext():
            try:
                body()
            finally:
                for sock in self._opened:
                    sock.close()


def has_ipv6() -> bool:
    """Whether ::1 can be used here."""
    try:
        with stdlib_socket.socket(stdlib_socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def in_worlds(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a test that takes a `SocketWorld` first: it runs in each of these worlds."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def run(name: str, **fixtures: Any) -> None:
            world = SocketWorld(name)
            world.check(functools.partial(test, world, **fixtures))

        first, *others = inspect.signature(test).parameters.values()
        parameters = [first.replace(name="name"), *others]
        functools.update_wrapper(run, test)
        del run.__wrapped__  # type: ignore[attr-defined]  # pytest must see the parameter below
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        parametrized: Callable[..., None] = pytest.mark.parametrize("name", names)(run)
        return parametrized

    return decorate


in_every_world = in_worlds("original", "native", "thread", *GREEN)
#: For what the stdlib cannot do.
in_green_worlds = in_worlds(*GREEN)


def full_listener(world: SocketWorld) -> Any:
    """The address of a listener that completes no further connection."""
    listener = world.keep(stdlib_socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(8):
        filler = world.keep(stdlib_socket.socket())
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    return listener.getsockname()


def fill(sock: Any, piece: bytes) -> int:
    """Send *piece* until there is no more room; how often it was sent."""
    sent = 0
    while True:
        try:
            sock.send(piece, stdlib_socket.MSG_DONTWAIT)
        except BlockingIOError:
            return sent
        sent += 1


def drained(sock: Any) -> Iterator[bytes]:
    """Everything that comes until the peer closes."""
    while piece := sock.recv(65536):
        yield piece
