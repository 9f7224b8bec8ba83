"""``offload_module``: a library that waits in C, used through real threads.

Theory of operation. The stand-in for the module hands out its constants, exceptions and submodules
as they are. What can be called is called in a real thread, and an object of the library's own that
comes back is wrapped, so that its methods are called there, too. A class of the library stays
itself for ``isinstance`` and ``except``; only calling it is different.

Libraries whose objects belong to the thread that made them get one thread each (``same_thread``):
what is made by a call on the module, and all that comes out of it, lives in one.

The way not taken: subclasses of everything. Objects that the library makes in C (the cursor of a
connection) would not be instances of them.
"""

from __future__ import annotations

import importlib
import weakref
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, final

from ._offload import offload
from ._originals import start_new_thread
from ._portal import current_owner, make_waiter
from ._timers import NEVER

if TYPE_CHECKING:
    import queue
    from collections.abc import Callable, Collection

__all__ = ("offload_module",)

#: Special methods that objects of libraries have, and that the interpreter looks up in the class.
_SPECIAL: Final = (
    "__call__", "__contains__", "__delitem__", "__enter__", "__exit__", "__getitem__", "__iter__",
    "__len__", "__next__", "__setitem__",
)  # fmt: skip
_END: Final = object()  # ends a thread of its own


def offload_module(
    module: ModuleType | str, *, direct: Collection[str] = (), same_thread: bool = False
) -> Any:
    """A stand-in for a module whose calls wait in C: in green code they run in real threads.

    Where nothing can park, they are simply called.

    Args:
        module: the module or its name; it is imported then.
        direct: names of functions and methods that never wait, and are called on the spot. A
            thread and back costs some 100 microseconds.
        same_thread: each object that a call on the module makes gets a thread of its own, in
            which it and all that comes out of it is used; it ends with them.

    Returns:
        An object with the module's names. Objects of the library that its calls return are
        wrapped; ``isinstance`` takes them for what they are.

    Raises:
        TypeError: if *module* is neither a module nor a name.

    On cancellation of a call the wait ends at once; the call runs on in its thread.
    """
    if isinstance(module, str):
        module = importlib.import_module(module)
    if not isinstance(module, ModuleType):
        raise TypeError(
            f"offload_module() needs a module or its name, not {module!r}. For a single call "
            "write greenbridge.offload(fn, ...)"
        )
    if isinstance(direct, str):
        raise TypeError(f"direct= takes a collection of names; write direct={{{direct!r}}}")
    return _Module(module, _Way(module.__name__.partition(".")[0], frozenset(direct), same_thread))


def _root_of(value: object) -> str:
    # C parts of a package may be called _name.
    return str(type(value).__module__).partition(".")[0].lstrip("_")


@final
class _Way:
    """How calls of one library are made."""

    __slots__ = ("_root", "direct", "own_threads")

    def __init__(self, root: str, direct: frozenset[str], own_threads: bool) -> None:
        self._root = root.lstrip("_")
        self.direct = direct
        self.own_threads = own_threads

    def wrapped(self, value: Any, thread: _OwnThread | None) -> Any:
        """*value* as the caller gets it: an object of the library's own is wrapped."""
        if isinstance(value, (BaseException, type, ModuleType)) or _root_of(value) != self._root:
            return value
        if isinstance(value, (int, float, str, bytes, tuple, frozenset)):  # constants, enumerations
            return value
        return _class_for(type(value))(value, self, thread)

    def call(self, thread: _OwnThread | None, fn: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        """Call *fn* where it belongs."""
        args = tuple(map(_bare, args))
        kw = {name: _bare(value) for name, value in kw.items()}
        call = offload if thread is None else thread.call
        return self.wrapped(call(fn, *args, **kw), thread)

    def make(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A call on the module."""
        return self.call(_OwnThread() if self.own_threads else None, fn, *args, **kwargs)


@final
class _Module:
    """See :func:`offload_module`."""

    def __init__(self, module: ModuleType, way: _Way) -> None:
        self._module = module
        self._way = way

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, type) and issubclass(value, BaseException):
            return value
        if not callable(value) or name in self._way.direct:
            return value
        if isinstance(value, type):
            return _Class(value, self._way)
        return _Call(value, self._way.make)

    def __dir__(self) -> list[str]:
        return dir(self._module)

    def __repr__(self) -> str:
        return f"<{self._module.__name__} through offload_module()>"


@final
class _Call:
    """A function or method that is called in a real thread."""

    def __init__(self, fn: Callable[..., Any], how: Callable[..., Any]) -> None:
        self.__wrapped__ = fn
        self._how = how

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._how(self.__wrapped__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        return f"<offloaded {self.__wrapped__!r}>"


@final
class _Class:
    """A class of the library: calling it makes a wrapped object, everything else is the class's."""

    def __init__(self, cls: type, way: _Way) -> None:
        self.__wrapped__ = cls
        self._way = way

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._way.make(self.__wrapped__, *args, **kwargs)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self.__wrapped__)

    def __subclasscheck__(self, cls: type) -> bool:
        return issubclass(cls, self.__wrapped__)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self.__wrapped__,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        return f"<offloaded {self.__wrapped__!r}>"


class _Object:
    """An object of the library: its methods are called in a real thread."""

    __slots__ = ("__weakref__", "_gb_thread", "_gb_way", "_gb_wrapped")
    _gb_wrapped: Any
    _gb_way: _Way
    _gb_thread: _OwnThread | None

    def __init__(self, wrapped: Any, way: _Way, thread: _OwnThread | None) -> None:
        object.__setattr__(self, "_gb_wrapped", wrapped)
        object.__setattr__(self, "_gb_way", way)
        object.__setattr__(self, "_gb_thread", thread)

    @property
    def __class__(self) -> Any:  # isinstance() asks
        return type(self._gb_wrapped)

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError(f"the class of {self!r} cannot be changed")

    def __getattr__(self, name: str) -> Any:
        value = self._gb_in_thread(getattr, name)
        way, thread = self._gb_way, self._gb_thread
        if not callable(value) or isinstance(value, type):
            return way.wrapped(value, thread)
        if name in way.direct:
            return value
        return _Call(value, lambda fn, *args, **kw: way.call(thread, fn, *args, **kw))

    def __setattr__(self, name: str, value: Any) -> None:
        self._gb_in_thread(setattr, name, value)

    def __delattr__(self, name: str) -> None:
        self._gb_in_thread(delattr, name)

    def _gb_in_thread(self, what: Callable[..., Any], *args: Any) -> Any:
        # Attributes are only looked at in another thread if the object belongs to one.
        thread = self._gb_thread
        if thread is None:
            return what(self._gb_wrapped, *args)
        return thread.call(what, self._gb_wrapped, *args)

    def __repr__(self) -> str:
        return f"<offloaded {self._gb_wrapped!r}>"


def _bare(value: Any) -> Any:
    """*value* as the library knows it."""
    return object.__getattribute__(value, "_gb_wrapped") if _is_wrapped(value) else value


def _is_wrapped(value: object) -> bool:
    return issubclass(type(value), _Object)


def _special(name: str) -> Callable[..., Any]:
    def method(self: _Object, *args: Any) -> Any:
        bound = getattr(self._gb_wrapped, name)
        if name in self._gb_way.direct:
            answer = self._gb_way.wrapped(bound(*args), self._gb_thread)
        else:
            answer = self._gb_way.call(self._gb_thread, _stopped_at, bound, *args)
        if answer is _END:
            raise StopIteration
        # ``with`` and ``for`` go on with the wrapper, not with what is in it.
        own = name in ("__enter__", "__iter__") and _bare(answer) is self._gb_wrapped
        return self if own else answer

    method.__name__ = method.__qualname__ = name
    return method


def _stopped_at(bound: Callable[..., Any], *args: Any) -> Any:
    try:
        return bound(*args)
    except StopIteration:  # cannot be carried by a future
        return _END


_classes: Final[weakref.WeakKeyDictionary[type, type[_Object]]] = weakref.WeakKeyDictionary()


def _class_for(cls: type) -> type[_Object]:
    """The wrapper's class for objects of *cls*: it has the special methods that *cls* has."""
    made = _classes.get(cls)
    if made is None:
        methods = {name: _special(name) for name in _SPECIAL if hasattr(cls, name)}
        made = type(f"offloaded {cls.__name__}", (_Object,), {"__slots__": (), **methods})
        _classes[cls] = made
    return made


@final
class _OwnThread:
    """A real thread that runs calls one after another, until nobody holds this any more."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Any] = _simple_queue()
        weakref.finalize(self, self._jobs.put, _END)
        start_new_thread(_work, (self._jobs,))

    def call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call *fn* in the thread and wait for it, greenly where that can be."""
        answers: Any = _simple_queue()
        owner = current_owner()
        waiter = None if owner is None else make_waiter(owner, NEVER)
        self._jobs.put((fn, args, kwargs, answers, waiter))
        if waiter is not None:
            waiter.park()
        value, error = answers.get()
        if error is not None:
            try:
                raise error
            finally:
                del error  # a traceback that holds the frame that holds it
        return value


def _simple_queue() -> Any:
    # The C one: it waits natively, whatever is patched.
    return importlib.import_module("_queue").SimpleQueue()


def _work(jobs: Any) -> None:
    while (job := jobs.get()) is not _END:
        fn, args, kwargs, answers, waiter = job
        try:
            answers.put((fn(*args, **kwargs), None))
        except BaseException as error:  # carried to the thread that waits for it
            answers.put((None, error))
        if waiter is not None:
            waiter.wake()
        del job, fn, args, kwargs, answers, waiter  # nothing is kept alive until the next one
