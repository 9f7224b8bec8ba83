"""What a stream and a datagram server share: accept, hand over, stop.

One green thread accepts. It first waits until the pool has room, so a server that is full leaves
new connections in the backlog of the kernel (and to other processes that share the listener). The
way not taken: accepting in a callback of the loop, as gevent does; a callback cannot wait.
"""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .._groups import Group, Pool, joinall, killall
from .._spawn import current_green, spawn
from .._sync import Event
from .._waiting import sleep, wait_readable
from ._addresses import inode_of, unlink

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from .._threads import GreenThread

log: Final = logging.getLogger("greenbridge.servers")

#: A connection that was gone before it was accepted; accept(2), "Error handling".
_GONE: Final = frozenset(
    {errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH}
)


class BaseServer:
    """What :class:`StreamServer` and :class:`DatagramServer` have in common.

    Subclasses may override ``handle``. As a context manager it starts, and stops at the end.
    """

    #: Seconds to pause after an error of ``accept`` (no descriptors left ...); doubled each time.
    min_delay: ClassVar[float] = 0.01
    #: The longest such pause, in seconds.
    max_delay: ClassVar[float] = 1.0
    #: Accepted at most before others get their turn. Set it to 1 where several processes accept
    #: from one listener: the busy ones then leave more to the idle ones.
    max_accept = 100
    #: Seconds that ``stop`` waits for handlers before it kills them.
    stop_timeout: ClassVar[float] = 1.0
    #: With these errors of ``accept`` the server closes.
    fatal_errors: ClassVar[tuple[int, ...]] = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)

    def __init__(
        self, listener: Any, handle: Callable[..., object] | None = None, spawn: Any = "default"
    ) -> None:
        self._stopped = Event()
        self._acceptor: GreenThread | None = None
        self._closed = False
        self.socket: Any = None  # the listening socket, once there is one
        self._address = listener
        if hasattr(listener, "fileno"):
            self.set_listener(listener)
        self.set_spawn(spawn)
        self.set_handle(handle)

    # -- how it is set up --------------------------------------------------------------------

    def set_listener(self, listener: Any) -> None:
        """Serve on *listener*, a socket that is bound."""
        if hasattr(listener, "do_handshake"):
            raise TypeError(
                f"a server needs the listening socket itself, not {listener!r}. Give it the plain "
                "socket and ssl_context=..."
            )
        self.socket = listener
        self._address = listener.getsockname()
        listener.setblocking(False)

    def set_spawn(self, spawn: Any) -> None:
        """Say what runs a handler: see *spawn* of the constructor."""
        self.pool: Any = None
        if spawn == "default" or spawn == "raw":
            self._spawn: Callable[..., object] | None = _spawn
        elif spawn is None:
            self._spawn = None
        elif isinstance(spawn, int) and not isinstance(spawn, bool):
            self.pool = Pool(spawn)
            self._spawn = self.pool.spawn
        elif hasattr(spawn, "spawn"):
            self.pool = spawn
            self._spawn = spawn.spawn
        elif callable(spawn):
            self._spawn = spawn
        else:
            raise TypeError(
                f"spawn must be a Pool, a number of handlers, 'default', None or a function, "
                f"not {spawn!r}"
            )

    def set_handle(self, handle: Callable[..., object] | None) -> None:
        """Say what serves a connection or datagram; None: the method ``handle`` of a subclass."""
        if handle is not None:
            if not callable(handle):
                raise TypeError(f"handle must be a function, not {handle!r}")
            self.handle = handle  # type: ignore[method-assign]  # either way, as in gevent

    def handle(self, *args: Any) -> object:
        """Serve one connection ``(socket, address)`` or datagram ``(data, address)``."""
        raise NotImplementedError(
            f"{type(self).__name__} has nothing to serve with. Give it a function: "
            f"{type(self).__name__}(address, function), or override handle() in a subclass"
        )

    # -- what it looks like ------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether it accepts."""
        return self._acceptor is not None and not self._acceptor.ready()

    @property
    def closed(self) -> bool:
        """Whether its socket was closed by ``close`` or ``stop``."""
        return self._closed

    @property
    def address(self) -> Any:
        """What it listens on, with the port that the kernel chose if 0 was asked for."""
        return self._address

    @property
    def server_host(self) -> str:
        """The host of ``address``."""
        return str(self.address[0])

    @property
    def server_port(self) -> int:
        """The port of ``address``."""
        return int(self.address[1])

    def full(self) -> bool:
        """Whether the pool has no room, so that nothing is accepted."""
        return self.pool is not None and bool(self.pool.full())

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self.started else "not started"
        return f"<{type(self).__name__} {state} at {self.address!r}>"

    # -- starting and stopping ---------------------------------------------------------------

    def start(self) -> None:
        """Bind, if that was not done, and begin to accept. Does not wait.

        Raises:
            OSError: if the address cannot be bound.
            RuntimeError: if it was closed; make a new one.
        """
        if self._closed:
            raise RuntimeError(f"{self!r} cannot be started again; make a new server")
        if self.started:
            return
        if self.socket is None:
            bound = self._bind(self._address)
            self.set_listener(bound)
            self._file = inode_of(bound)
        self._stopped.clear()
        self.start_accepting()

    def start_accepting(self) -> None:
        """Accept (again); part of ``start``."""
        if not self.started:
            self._acceptor = spawn(self._accept)
            self._acceptor.name = f"{type(self).__name__}-{self.address!r}"

    def stop_accepting(self) -> None:
        """Leave new connections to the kernel, and the socket open."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None and acceptor is not current_green():
            acceptor.kill(block=False)

    def close(self) -> None:
        """Stop accepting and close the socket; what runs goes on. Does not wait."""
        if self._closed:
            return
        self._closed = True
        self.stop_accepting()
        if self.socket is not None:
            self.socket.close()
        if self._file is not None:
            unlink(*self._file)
        self._stopped.set()

    def stop(self, timeout: float | None = None) -> None:
        """Close, and if there is a pool, wait until all its handlers have ended.

        Args:
            timeout: seconds before those that still run are killed; None is ``stop_timeout``.

        On cancellation the handlers run on.
        """
        self.close()
        if self.pool is None:
            return
        timeout = self.stop_timeout if timeout is None else timeout
        if isinstance(self.pool, Group):
            running = [thread for thread in self.pool if thread is not current_green()]
            joinall(running, timeout, count=len(running))
            killall(running)
        else:
            self.pool.join(timeout=timeout)
            self.pool.kill()

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Start if it is not started, and wait until it is stopped or closed.

        On cancellation it stops, as ``stop(stop_timeout)`` does.
        """
        self.start()
        try:
            self._stopped.wait()
        finally:
            self.stop(stop_timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # -- accepting ---------------------------------------------------------------------------

    _file: tuple[str, int] | None = None  # of a Unix socket that is ours: its path and inode

    def _bind(self, address: Any) -> Any:
        raise NotImplementedError

    def _take(self) -> tuple[Any, ...]:
        """What ``handle`` gets; BlockingIOError if there is nothing."""
        raise NotImplementedError

    def _drop(self, args: tuple[Any, ...]) -> None:
        """Give up what was taken: it could not be handed over."""

    def _serve(self, *args: Any) -> None:
        """Run ``handle``."""
        self.handle(*args)

    def _accept(self) -> None:
        delay = self.min_delay
        while not self._closed:
            self._wait_for_room()
            try:
                wait_readable(self.socket.fileno())
                self._accept_some()
                delay = self.min_delay
            except OSError as error:
                if self._closed:
                    return
                if error.errno in self.fatal_errors:
                    log.error("%r cannot accept any more: %s", self, error)
                    self.close()
                    return
                log.warning("%r could not accept, and tries again in %s s: %s", self, delay, error)
                sleep(delay)
                delay = min(2 * delay, self.max_delay)

    def _accept_some(self) -> None:
        for _ in range(self.max_accept):
            try:
                args = self._take()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _GONE:
                    continue
                raise
            self._hand_over(args)
            if self.full():
                return

    def _hand_over(self, args: tuple[Any, ...]) -> None:
        if self._spawn is None:
            try:
                self._serve(*args)
            except Exception:
                log.exception("error in a handler of %r", self)
            return
        try:
            self._spawn(self._serve, *args)
        except BaseException:  # killed while it waited for room
            self._drop(args)
            raise

    def _wait_for_room(self) -> None:
        wait = getattr(self.pool, "wait_available", None)
        if wait is not None:
            wait()


def _spawn(fn: Callable[..., object], *args: Any) -> None:
    spawn(fn, *args)
