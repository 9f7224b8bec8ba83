"""Every stdlib original that greenbridge itself uses, bound once, before anything is patched.

Import this module first. Whatever is patched later, the core keeps waiting,
locking and starting threads with what is bound here (design.md, layer 0). A
name stands here only if some patch table may replace it.
"""

from __future__ import annotations

import _thread
import asyncio
import fcntl
import os
import select
import selectors
import signal
import socket
import ssl
import time
from asyncio import events
from typing import Any, Final

# time
time_sleep: Final = time.sleep
monotonic: Final = time.monotonic
perf_counter: Final = time.perf_counter
pthread_getcpuclockid: Final[Any] = getattr(time, "pthread_getcpuclockid", None)

# threads
allocate_lock: Final = _thread.allocate_lock
RLock: Final = _thread.RLock
start_new_thread: Final = _thread.start_new_thread
get_ident: Final = _thread.get_ident
thread_local: Final = _thread._local
TIMEOUT_MAX: Final = _thread.TIMEOUT_MAX

# descriptors
os_close: Final = os.close
os_closerange: Final = os.closerange
os_dup2: Final = os.dup2
os_fdopen: Final = os.fdopen
os_read: Final = os.read
os_write: Final = os.write
os_readinto: Final[Any] = getattr(os, "readinto", None)
os_readv: Final[Any] = getattr(os, "readv", None)
os_writev: Final[Any] = getattr(os, "writev", None)
os_sendfile: Final[Any] = getattr(os, "sendfile", None)
os_splice: Final[Any] = getattr(os, "splice", None)
os_lockf: Final[Any] = getattr(os, "lockf", None)
os_eventfd_read: Final[Any] = getattr(os, "eventfd_read", None)
os_eventfd_write: Final[Any] = getattr(os, "eventfd_write", None)
select_select: Final = select.select
select_poll: Final[Any] = getattr(select, "poll", None)
select_epoll: Final[Any] = getattr(select, "epoll", None)
EpollSelector: Final = getattr(selectors, "EpollSelector", None)
PollSelector: Final = getattr(selectors, "PollSelector", None)
SelectSelector: Final = selectors.SelectSelector
DefaultSelector: Final = selectors.DefaultSelector
# The methods, which are replaced in the stdlib's own classes.
SelectSelector_select: Final = selectors.SelectSelector.select
PollSelector_select: Final[Any] = getattr(PollSelector, "select", None)
EpollSelector_select: Final[Any] = getattr(EpollSelector, "select", None)
EpollSelector_close: Final[Any] = getattr(EpollSelector, "close", None)

# locks on files
fcntl_fcntl: Final = fcntl.fcntl
fcntl_flock: Final = fcntl.flock
fcntl_lockf: Final = fcntl.lockf

# processes
os_system: Final = os.system
os_wait: Final[Any] = getattr(os, "wait", None)
os_wait3: Final[Any] = getattr(os, "wait3", None)
os_wait4: Final[Any] = getattr(os, "wait4", None)
os_waitid: Final[Any] = getattr(os, "waitid", None)
os_waitpid: Final = os.waitpid

# sockets
socket_socket: Final = socket.socket
socket_socketpair: Final = socket.socketpair
socket_getaddrinfo: Final = socket.getaddrinfo
socket_gethostbyname: Final = socket.gethostbyname
socket_gethostbyname_ex: Final = socket.gethostbyname_ex
socket_gethostbyaddr: Final = socket.gethostbyaddr
socket_getnameinfo: Final = socket.getnameinfo
socket_getfqdn: Final = socket.getfqdn
socket_create_connection: Final = socket.create_connection
socket_create_server: Final = socket.create_server
socket_fromfd: Final = socket.fromfd

# TLS
SSLContext: Final = ssl.SSLContext
SSLSocket: Final = ssl.SSLSocket

# signals
signal_signal: Final = signal.signal
signal_getsignal: Final = signal.getsignal
signal_pause: Final[Any] = getattr(signal, "pause", None)
signal_sigtimedwait: Final[Any] = getattr(signal, "sigtimedwait", None)
signal_sigwait: Final[Any] = getattr(signal, "sigwait", None)
signal_sigwaitinfo: Final[Any] = getattr(signal, "sigwaitinfo", None)
signal_set_wakeup_fd: Final = signal.set_wakeup_fd

# event loops: methods, which are replaced in asyncio's own classes
asyncio_run: Final = asyncio.run
new_event_loop: Final = events.new_event_loop
_Runner: Final[Any] = getattr(asyncio, "Runner", None)  # Python 3.11
Runner_run: Final[Any] = getattr(_Runner, "run", None)
Runner_close: Final[Any] = getattr(_Runner, "close", None)
Runner_lazy_init: Final[Any] = getattr(_Runner, "_lazy_init", None)
BaseEventLoop_run_forever: Final = asyncio.BaseEventLoop.run_forever
BaseEventLoop_run_until_complete: Final = asyncio.BaseEventLoop.run_until_complete
# 3.14 renames the default policy's class, and says when the others go.
_Policy: Final[Any] = getattr(events, "BaseDefaultEventLoopPolicy", None) or getattr(
    events, "_BaseDefaultEventLoopPolicy", None
)
Policy_get_event_loop: Final[Any] = getattr(_Policy, "get_event_loop", None)
Policy_set_event_loop: Final[Any] = getattr(_Policy, "set_event_loop", None)
