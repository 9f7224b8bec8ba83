"""The worker: how a process of gunicorn boots, beats, and ends.

Theory of operation
-------------------
gunicorn imports this class in its *arbiter*, the process that never serves. There the standard
library is patched only while ``--preload`` may import the application (from ``setup`` to the first
fork), so that what the application copies out of modules is green, and put back afterwards: the
arbiter runs threads of its own. In each worker everything from ``init_process`` on runs on a hub,
the import of the application included, so threads that it starts are green threads of that hub.

Signal handlers only set a flag and wake the main loop. SIGABRT is different: the arbiter sends it
to a worker that has missed its beats, so nothing that waits for the loop would run; its SystemExit
is raised wherever the worker is stuck, and its traceback says where that was.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker

from .._errors import PatchConflictError
from .._groups import Pool
from .._loops import factory_named
from .._originals import monotonic, os_read, signal_signal
from .._patching import Applied, patch_all
from .._runner import run
from .._timeouts import Timeout
from .._waiting import wait_readable
from ..servers import StreamServer
from ._connection import Connection
from ._http import Settings, base_environ, script_name, writes_access_log

if TYPE_CHECKING:
    from types import FrameType

#: Seconds between two beats, at most; gunicorn's other workers take the same.
_BEAT_S: Final = 1.0
#: Seconds that a stopping worker leaves connections open which are idle, for a request that may be
#: on its way; as gunicorn's threads do.
_LINGER_S: Final = 2.0
#: Seconds that handlers have to unwind when they are killed.
_UNWIND_S: Final = 1.0

#: What ``setup`` has patched in the arbiter.
_preload: list[Applied] = []


def _unpatch_arbiter() -> None:
    while _preload:
        try:
            _preload.pop().restore()
        except PatchConflictError:
            pass  # the application has wrapped a name on top: it stays as it is


class _Listener(StreamServer):
    """Accepts for a worker."""

    def __init__(self, worker: Worker, sock: Any) -> None:
        super().__init__(sock, spawn=worker.pool)
        self.worker = worker
        if worker.cfg.workers > 1:
            self.max_accept = 1

    def _serve(self, *args: Any) -> None:
        self.worker.serve(self, *args)

    def accept_waiting(self) -> None:
        """Accept what the kernel has for this listener already, as far as there is room."""
        self.max_accept = self.backlog
        self._accept_some()


class Worker(AsyncWorker):
    """The class to name: ``gunicorn -k greenbridge.gunicorn.Worker``.

    A green thread for each connection, at most ``worker_connections`` of them: a full worker
    accepts nothing. The loop is uvloop; ``--asgi-loop asyncio`` takes asyncio's own.
    """

    alive: bool
    nr: int  # requests so far
    pool: Pool
    ssl_context: Any = None
    http2: bool = False
    settings: Any  # those that requests need, when all hooks that may change them have run
    base_environ: dict[str, Any]
    script_name: str
    access: bool = True  # somebody wants to know of each request
    stall: float | None = None  # seconds that a client may do nothing amid a request

    # -- in the arbiter ------------------------------------------------------------------------

    @classmethod
    def setup(cls) -> None:
        """Called before the application is imported, if it is imported in the arbiter."""
        _preload.append(patch_all())

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Called after that."""
        _unpatch_arbiter()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _unpatch_arbiter()  # after a reload check_config is not called
        super().__init__(*args, **kwargs)
        self.connections: set[Connection] = set()
        self._quit = False
        self._reopen = False
        self._idle_until: float | None = None

    # -- booting -------------------------------------------------------------------------------

    def init_process(self) -> None:
        """The whole life of a worker process."""
        patch_all()
        name = self.cfg.asgi_loop
        run(super().init_process, loop_factory=None if name == "auto" else factory_named(name))

    def init_signals(self) -> None:
        before = signal.set_wakeup_fd(-1)
        super().init_signals()
        signal.set_wakeup_fd(before)  # that is for the loop, if it runs; we write to the pipe
        signal_signal(signal.SIGABRT, self.handle_abort)

    def run(self) -> None:
        """Serve until told to stop, and then to the end of what is under way."""
        cfg = self.cfg
        self.pool = Pool(self.worker_connections)
        self.ssl_context = ssl_context(cfg) if cfg.is_ssl else None
        self.http2 = "h2" in cfg.http_protocols
        self.stall = cfg.timeout or None
        self.settings = Settings(cfg)
        self.base_environ = base_environ(cfg)
        self.script_name = script_name()
        self.access = writes_access_log(self.log)
        listeners = [_Listener(self, sock.sock) for sock in self.sockets]
        for listener in listeners:
            listener.start()
        while self.alive:
            self.notify()
            self._pause(_BEAT_S)
        self._finish(listeners)

    # -- the main loop -------------------------------------------------------------------------

    def notify(self) -> None:
        """Tell the arbiter that the worker lives; end with it."""
        super().notify()
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            sys.exit(0)

    def _pause(self, seconds: float) -> None:
        if self.timeout:
            seconds = min(seconds, self.timeout)
        if wait_readable(self.PIPE[0], seconds):
            try:
                os_read(self.PIPE[0], 1000)
            except BlockingIOError:
                pass
        if self._reopen:
            self._reopen = False
            self.log.reopen_files()
        if self._quit:
            self.cfg.worker_int(self)
            sys.exit(0)

    def _wake(self) -> None:
        try:
            os.write(self.PIPE[1], b"1")
        except BlockingIOError:
            pass  # it is full: the main loop will wake up

    def _finish(self, listeners: list[_Listener]) -> None:
        """Stop accepting, and let what is under way end; within ``graceful_timeout``."""
        for listener in listeners:
            listener.stop_accepting()
            if self.cfg.reuse_port:
                listener.accept_waiting()  # they are in a queue of ours, that ends with it
            listener.close()
        now = monotonic()
        # The arbiter kills the process at graceful_timeout: handlers unwind before that.
        last = now + self.cfg.graceful_timeout - min(_UNWIND_S, self.cfg.graceful_timeout / 5)
        self._idle_until = now + min(_LINGER_S, self.cfg.keepalive)
        while self.pool and now < last:
            self.notify()
            if now >= self._idle_until:
                self._close_idle()
            self._pause(min(_BEAT_S, max(0.01, self._idle_until - now), last - now))
            now = monotonic()
        if self.pool:
            self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
            self.pool.kill(timeout=_UNWIND_S)

    def _close_idle(self) -> None:
        for connection in list(self.connections):
            connection.close_if_idle()

    # -- what connections ask for --------------------------------------------------------------

    def serve(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one client to its end, in a green thread of the pool."""
        connection = Connection(self, listener, client, addr)
        self.connections.add(connection)
        try:
            connection.serve()
        finally:
            self.connections.discard(connection)
            if not self.alive:
                self._wake()

    def count(self) -> None:
        """Note a request; the last one of ``max_requests`` begins the end of the worker."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self._wake()

    def idle_s(self) -> float | None:
        """How long a connection may wait for a request, in seconds."""
        if self._idle_until is not None:
            return max(0.0, self._idle_until - monotonic())
        return self.settings.keepalive or self.stall

    def timeout_ctx(self) -> Timeout:
        """The time limit of gunicorn's own code for connections that may speak HTTP/2."""
        return Timeout(self.cfg.keepalive, False)

    # -- signals -------------------------------------------------------------------------------

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: end gracefully."""
        self.alive = False
        self._wake()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGQUIT and SIGINT: end at once."""
        self.alive = False
        self._quit = True
        if not self.booted:  # there is no main loop yet
            self.cfg.worker_int(self)
            sys.exit(0)
        self._wake()

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """SIGUSR1: reopen the log files."""
        self._reopen = True
        self._wake()

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """SIGABRT: the arbiter has given the worker up."""
        self.aborted = True
        super().handle_abort(sig, frame)
