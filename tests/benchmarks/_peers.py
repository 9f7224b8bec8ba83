"""The peers behind one face: spawn, join, sleep, sockets, a timeout.

Each peer is used as its own documentation says: gevent and eventlet after
``monkey.patch_all()``/``monkey_patch()``, greenbridge after ``patch_all()``, so
the workloads run the plain ``socket`` and ``ssl`` modules under all of them.
greenback patches nothing; its sockets are ``await_(loop.sock_recv(...))``.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import importlib
import threading
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ("BlockingPeer", "allocate_lock", "blocking_peer", "start_new_thread")

# Native ones, whatever a peer patches later.
allocate_lock: Final = _thread.allocate_lock
start_new_thread: Final = _thread.start_new_thread

T = TypeVar("T")

# Peers carry no usable types in common: Any stands for their handles and modules.


class BlockingPeer(Protocol):
    """What a workload written as blocking code needs."""

    def run(self, main: Callable[[], T]) -> T: ...
    def spawn(self, fn: Callable[..., object], *args: object) -> Any: ...
    def joinall(self, handles: Iterable[Any]) -> None: ...
    def join(self, handle: Any) -> None: ...
    def sleep(self, seconds: float) -> None: ...
    def timeout(self, seconds: float) -> AbstractContextManager[object]: ...

    @property
    def socket(self) -> Any: ...
    @property
    def ssl(self) -> Any: ...
    @property
    def sync(self) -> Any: ...


class _Patched:
    """The part that all patching peers share: the plain modules."""

    def __init__(self) -> None:
        self.socket: Any = importlib.import_module("socket")
        self.ssl: Any = importlib.import_module("ssl")
        names = vars(importlib.import_module("threading"))
        self.sync: Any = SimpleNamespace(**{**names, **vars(importlib.import_module("queue"))})

    def join(self, handle: Any) -> None:
        handle.join()


class _Ours(_Patched):
    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
        # A peer is imported only in the process that measures it.
        import greenbridge

        greenbridge.patch_all()
        super().__init__()
        self.sync: Any = greenbridge
        self._loop_factory = loop_factory
        self._run: Any = greenbridge.run
        self.spawn: Any = greenbridge.spawn
        self.joinall: Any = greenbridge.joinall
        self.sleep: Any = greenbridge.sleep
        self.timeout: Any = greenbridge.Timeout

    def run(self, main: Callable[[], T]) -> T:
        result: T = self._run(main, loop_factory=self._loop_factory)
        return result


class _Gevent(_Patched):
    def __init__(self) -> None:
        monkey: Any = importlib.import_module("gevent.monkey")
        monkey.patch_all()
        super().__init__()
        gevent: Any = importlib.import_module("gevent")
        self.spawn: Any = gevent.spawn
        self.joinall: Any = gevent.joinall
        self.sleep: Any = gevent.sleep
        self.timeout: Any = gevent.Timeout

    def run(self, main: Callable[[], T]) -> T:
        return main()


class _Eventlet(_Patched):
    def __init__(self) -> None:
        eventlet: Any = importlib.import_module("eventlet")
        eventlet.monkey_patch()
        super().__init__()
        self.spawn: Any = eventlet.spawn
        self.sleep: Any = eventlet.sleep
        self.timeout: Any = eventlet.Timeout

    def run(self, main: Callable[[], T]) -> T:
        return main()

    def joinall(self, handles: Iterable[Any]) -> None:
        for handle in handles:
            handle.wait()

    def join(self, handle: Any) -> None:
        handle.wait()


class _Threads(_Patched):
    def __init__(self) -> None:
        super().__init__()
        self.sleep: Any = importlib.import_module("time").sleep

    def run(self, main: Callable[[], T]) -> T:
        return main()

    def spawn(self, fn: Callable[..., object], *args: object) -> threading.Thread:
        thread = threading.Thread(target=fn, args=args, daemon=True)
        thread.start()
        return thread

    def joinall(self, handles: Iterable[threading.Thread]) -> None:
        for thread in handles:
            thread.join()

    def timeout(self, seconds: float) -> AbstractContextManager[object]:
        return contextlib.nullcontext(seconds)


class _Greenback:
    """greenback: each thread is a Task with a portal, each wait an ``await_``."""

    def __init__(self) -> None:
        self._greenback: Any = importlib.import_module("greenback")
        self._await: Any = self._greenback.await_
        self.socket: Any = _GreenbackSockets(self._await)
        self.ssl: Any = None
        self.sync: Any = None
        self._asyncio: Any = asyncio  # timeout() is there from 3.11 on

    def run(self, main: Callable[[], T]) -> T:
        async def amain() -> T:
            await self._greenback.ensure_portal()
            return main()

        uvloop: Any = importlib.import_module("uvloop")
        result: T = uvloop.run(amain())
        return result

    def spawn(self, fn: Callable[..., object], *args: object) -> asyncio.Task[object]:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(
            self._greenback.with_portal_run_sync(fn, *args)
        )
        return task

    def joinall(self, handles: Iterable[asyncio.Task[object]]) -> None:
        self._await(asyncio.wait(list(handles)))

    def join(self, handle: asyncio.Task[object]) -> None:
        self._await(asyncio.wait([handle]))

    def sleep(self, seconds: float) -> None:
        self._await(asyncio.sleep(seconds))

    def timeout(self, seconds: float) -> AbstractContextManager[object]:
        manager: AbstractContextManager[object] = self._greenback.async_context(
            self._asyncio.timeout(seconds)
        )
        return manager


class _GreenbackSockets:
    """Stands where the ``socket`` module stands for the other peers."""

    def __init__(self, await_: Any) -> None:
        self._await = await_
        self._stdlib: Any = importlib.import_module("socket")

    def socketpair(self) -> tuple[_GreenbackSocket, _GreenbackSocket]:
        left, right = self._stdlib.socketpair()
        return _GreenbackSocket(left, self._await), _GreenbackSocket(right, self._await)

    def create_server(self, address: object, **options: object) -> _GreenbackSocket:
        return _GreenbackSocket(self._stdlib.create_server(address, **options), self._await)

    def create_connection(self, address: object) -> _GreenbackSocket:
        return _GreenbackSocket(self._stdlib.create_connection(address), self._await)

    def getaddrinfo(self, host: str, port: int) -> Any:
        return self._await(asyncio.get_running_loop().getaddrinfo(host, port))


class _GreenbackSocket:
    """The few methods that the workloads call, each over the loop's own coroutine."""

    def __init__(self, sock: Any, await_: Any) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._await = await_
        self._loop = asyncio.get_running_loop()
        self._timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def _wait(self, awaitable: Any) -> Any:
        if self._timeout is None:
            return self._await(awaitable)
        return self._await(asyncio.wait_for(awaitable, self._timeout))

    def recv(self, size: int) -> bytes:
        data: bytes = self._wait(self._loop.sock_recv(self._sock, size))
        return data

    def sendall(self, data: Any) -> None:
        self._wait(self._loop.sock_sendall(self._sock, data))

    def accept(self) -> tuple[_GreenbackSocket, Any]:
        sock, address = self._wait(self._loop.sock_accept(self._sock))
        return _GreenbackSocket(sock, self._await), address

    def setsockopt(self, *args: Any) -> None:
        self._sock.setsockopt(*args)

    def getsockname(self) -> Any:
        return self._sock.getsockname()

    def close(self) -> None:
        self._sock.close()


def blocking_peer(name: str) -> BlockingPeer:
    """Import and patch the peer called ``name``; once in a process."""
    if name == "ours":
        return _Ours(None)
    if name == "ours-asyncio":
        return _Ours(asyncio.new_event_loop)
    kinds: dict[str, Callable[[], BlockingPeer]] = {
        "gevent": _Gevent,
        "eventlet": _Eventlet,
        "greenback": _Greenback,
        "threads": _Threads,
    }
    return kinds[name]()
