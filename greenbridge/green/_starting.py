"""Where a thread that is started runs: as a green thread of a hub, or as a real OS thread."""

from __future__ import annotations

import sys
import threading as _stdlib
import traceback
from contextvars import Context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .. import _originals
from .._errors import HubConflictError
from .._hub import _local
from .._hubs import get_hub
from .._main import is_main
from .._threads import GreenThread, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._hub import Hub

#: Threads that are always real ones: by the class of the ``Thread``, or the function that it runs,
#: as "module:qualified name"; a module alone is all that is in it, or in a module below it.
NATIVE: Final = {
    "anyio._backends": "the threads that blocking calls are moved away to",
    "anyio.from_thread": "a thread with a loop of its own, which real threads call into",
    "asyncio.base_events:BaseEventLoop._do_shutdown": "waits for real threads while the loop ends",
    "asyncio.unix_events:ThreadedChildWatcher._do_waitpid": "waits in the operating system",
    "asyncio.unix_events:_ThreadedChildWatcher._do_waitpid": "waits in the operating system",
    "concurrent.futures.process": "as multiprocessing",
    "concurrent.futures.thread:_worker": "of the original executor, which asyncio and uvloop use",
    "multiprocessing": "they wait in pipes and semaphores of the operating system",
    "uvloop": "a uvloop loop waits in C, and as asyncio",
}
#: A true attribute of this name in a ``Thread`` says that it is to be a real one.
MARK: Final = "_greenbridge_native"


class Started(GreenThread):
    """A green thread that stands for an OS thread: its errors are shown as those of one."""

    __slots__ = ("function", "os_name")

    stands_in: ClassVar[bool] = True  # Ctrl-C is not for it
    function: Any  # what it was started with; until its end
    os_name: str  # what its OS thread would be called, if that was said

    def finish(self, value: Any, error: BaseException | None) -> Any:
        """See ``GreenThread.finish``."""
        global _alive
        function, self.function = self.function, None
        if error is not None and not isinstance(error, SystemExit):
            _report(error, function)
        _alive -= 1
        return super().finish(value, None)


_alive: int = 0


def green_count() -> int:
    """How many green threads stand for OS threads now."""
    return _alive


def hub_for(function: Any) -> Hub | None:
    """The hub on which a thread that calls *function* becomes a green one; None: it is native.

    Green it is in the main OS thread, and wherever else there is a hub.
    """
    if _local.hub is None and not is_main(_originals.get_ident()):
        return None
    if _insists(function):
        return None
    try:
        return get_hub()
    except HubConflictError:  # a loop that holds up the hub runs here: no green thread would run
        return None


def _insists(function: Any) -> bool:
    """Whether a real thread is needed, by its own word or by the table."""
    thread = thread_of(function)
    if thread is None:
        return _listed(function)
    if getattr(thread, MARK, False):
        return True
    if type(thread) is not _stdlib.Thread and _listed(type(thread)):
        return True
    target = getattr(thread, "_target", None)
    return _listed(target) and not _works_greenly(target, thread)


def _works_greenly(target: Any, thread: Any) -> bool:
    """Whether *target* works for an executor that the program made; see ``futures``."""
    if target.__name__ != "_worker":
        return False
    executor = thread._args[0]()  # a weak reference
    return (
        getattr(executor, "_greenbridge_green", False)
        and type(executor).__module__ != "concurrent.futures.interpreter"
    )


def _listed(what: Any) -> bool:
    """Whether a function or class is in the table."""
    module = getattr(what, "__module__", None)
    if not isinstance(module, str):
        return False
    if f"{module}:{getattr(what, '__qualname__', '')}" in NATIVE:
        return True
    while module:
        if module in NATIVE:
            return True
        module = module.rpartition(".")[0]
    return False


def thread_of(function: Any) -> Any:
    """The ``threading.Thread`` whose ``_bootstrap`` *function* is, or None."""
    thread = getattr(function, "__self__", None)
    if isinstance(thread, _stdlib.Thread) and function.__name__ == "_bootstrap":
        return thread
    return None


def start_green(hub: Hub, function: Callable[..., Any], args: Any, kwargs: Any) -> Started:
    """Start *function* as a green thread; it begins when the caller waits next.

    It starts in an empty context, as an OS thread does.
    """
    global _alive
    green = Started(hub, function, args, kwargs)
    green.context = Context()
    green.spawned = ()
    green.function = function
    _alive += 1
    start(hub, green)
    return green


def _report(error: BaseException, function: Any) -> None:
    """Show an error that nobody can catch as the interpreter shows that of an OS thread."""
    text = "Exception ignored in thread started by"
    hook: Any = sys.unraisablehook
    if hook is not sys.__unraisablehook__:
        formatted = sys.version_info >= (3, 13)
        hook(
            SimpleNamespace(
                exc_type=type(error),
                exc_value=error,
                exc_traceback=error.__traceback__,
                err_msg=f"{text} {function!r}" if formatted else text,
                object=None if formatted else function,
            )
        )
    elif sys.stderr is not None:  # that one takes nothing but what the interpreter makes
        sys.stderr.write(f"{text}: {function!r}\n")
        traceback.print_exception(type(error), error, error.__traceback__)
