"""Stand-ins for ``_thread``: what the ``threading`` module is made of."""

from __future__ import annotations

import _thread as _stdlib
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .. import _originals
from .._idents import get_ident as get_ident
from .._idents import ident_of
from .._spawn import current_green
from .._sync import Lock as Lock
from .._sync import RLock as _RLock
from .._threads import GreenThread
from ._ends import Begun, GreenHandle, Sentinel, handle_name, watching
from ._local import local as local
from ._starting import Started, green_count, hub_for, start_green, thread_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Lock", "RLock", "get_ident", "local", "start_new_thread")

allocate_lock: Final = Lock

if sys.version_info < (3, 15):

    class RLock(_RLock):
        """``RLock`` that takes, and ignores, any arguments, as the original of these versions.

        ``threading.RLock`` warns of them. https://github.com/python/cpython/issues/102029
        """

        __module__ = "greenbridge"
        __slots__ = ()

        def __init__(self, *_args: object, **_kwargs: object) -> None:
            super().__init__()

else:
    RLock = _RLock

_native_id: Final[Any] = getattr(_stdlib, "get_native_id", None)
_native_count: Final[Callable[[], int]] = _stdlib._count
_native_sentinel: Final[Any] = getattr(_stdlib, "_set_sentinel", None)
_native_joinable: Final[Any] = getattr(_stdlib, "start_joinable_thread", None)
_native_set_name: Final[Any] = getattr(_stdlib, "set_name", None)
_native_get_name: Final[Any] = getattr(_stdlib, "_get_name", None)


def start_new_thread(
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] = {},  # noqa: B006  # as the original has it; it is not changed
    /,
) -> int:
    """Start ``function(*args, **kwargs)`` as a thread; returns its identifier.

    A green thread where there is a hub, or may be one (see ``_starting``), else a real one.
    https://docs.python.org/3/library/_thread.html#thread.start_new_thread

    Raises:
        TypeError: as the original for arguments of another kind.
    """
    _check(function, args, kwargs)
    hub = hub_for(function)
    thread = thread_of(function)
    if hub is None:
        if thread is not None:
            thread._started = Begun()
        return _originals.start_new_thread(function, args, kwargs)
    sys.audit("_thread.start_new_thread", function, args, kwargs)
    green = start_green(hub, function, args, kwargs)
    if thread is not None:
        announce(thread, ident_of(green))
        if _native_sentinel is not None:
            thread._tstate_lock = Sentinel(green)
    return ident_of(green)


def _check(function: object, args: object, kwargs: object) -> None:
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")


def announce(thread: Any, ident: int) -> None:
    """Say of a ``Thread`` that it runs, so that its ``start()`` need not wait for that.

    So ``start()`` never lets others run, and works where nothing can wait: in coroutines and
    callbacks of a loop.
    """
    thread._ident = ident
    if _native_id is not None:
        thread._native_id = _native_id()
    thread._started.set()


def _set_sentinel() -> Any:
    """What is held until the current thread ends (before 3.13)."""
    thread = current_green()
    return Sentinel(thread) if isinstance(thread, GreenThread) else _native_sentinel()


def _count() -> int:
    """How many threads there are, besides the main one and those that only help green code."""
    return _native_count() - watching() + green_count()


def set_name(name: str) -> None:
    """Set the name of the OS thread (3.14); a green thread keeps it to itself.

    Raises:
        TypeError: if it is no string.
    """
    if get_ident() == _originals.get_ident():
        _native_set_name(name)
        return
    green = current_green()
    if not isinstance(name, str):
        raise TypeError(f"set_name() argument 'name' must be str, not {type(name).__name__}")
    if isinstance(green, Started):
        green.os_name = name


def get_name() -> str:
    """The name of the OS thread (3.14), or what a green thread has set in its place.

    It is cut off where the operating system would have done so.
    """
    green = current_green()
    name = getattr(green, "os_name", None) if isinstance(green, Started) else None
    if name is None:
        return _native_get_name()  # type: ignore[no-any-return]
    kept = name.encode(sys.getfilesystemencoding(), "replace").split(b"\0", 1)[0]
    return os.fsdecode(kept[: getattr(_stdlib, "_NAME_MAXLEN", None)])


# -- 3.13: threads that can be joined ----------------------------------------------------------

# Green threads without a Thread object for which the program waits at its end.
waited_for: Final[set[Started]] = set()


def start_joinable_thread(
    function: Callable[[], object], handle: Any = None, daemon: bool = True
) -> Any:
    """Start ``function()`` as a thread, and return the handle to join it with (3.13).

    Raises:
        TypeError, RuntimeError: as the original.
    """
    thread = thread_of(function)
    # A handle of the caller's own can only be that of a real thread.
    own = handle is not None and thread is None
    hub = None if own or not callable(function) else hub_for(function)
    if hub is None:
        if thread is not None:
            thread._started = Begun()
        return _native_joinable(function, handle=handle, daemon=daemon)
    sys.audit("_thread.start_joinable_thread", function, daemon, handle)
    green = start_green(hub, function, (), None)
    handle = GreenHandle(green)
    if thread is not None:
        setattr(thread, handle_name(thread), handle)
        announce(thread, ident_of(green))
    elif not daemon:
        waited_for.add(green)
        green._add_link(handle, partial(waited_for.discard, green))
    return handle
