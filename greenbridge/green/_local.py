"""``threading.local``: storage of its own for each green thread, green task and OS thread.

Theory of operation. What the C class keeps, an OS thread's, stays where it is: outside green
code every access is the original's. In green code an access goes to a dict of the green thread
or Task, which the local itself keeps, so that a local and what its values refer to can be
collected together. A green thread's dicts are dropped at its end, a Task's with the Task.
"""

from __future__ import annotations

from asyncio import current_task
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

from greenlet import getcurrent

from .. import _originals
from .._carriers import Carrier
from .._tasks import Worker
from .._threadstate import get_running_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from .._threads import GreenThread

__all__ = ("local",)

_native = _originals.thread_local
_native_get = _native.__getattribute__
_native_set = _native.__setattr__
_native_delete = _native.__delattr__
_plain_get = object.__getattribute__


class local(_native):  # type: ignore[misc, valid-type]  # bound at run time
    """``threading.local`` whose attributes a green thread and a green task have of their own.

    A subclass may define ``__init__``; it is called again, with the same arguments, in each
    thread or task that uses the object first.
    https://docs.python.org/3/library/threading.html#thread-local-data
    """

    __slots__ = ("__arguments", "__dicts", "__tasks")

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Self:
        self: Self = _native.__new__(cls, *args, **kwargs)
        _set_arguments(self, (args, kwargs))
        _set_dicts(self, {})
        _set_tasks(self, None)
        _dict_of(self, getcurrent(), False)
        return self

    def __getattribute__(self, name: str) -> Any:
        own = getcurrent()
        if own.parent is None:
            return _native_get(self, name)
        own_dict = _get_dicts(self).get(own)
        if own_dict is None:
            own_dict = _dict_of(self, own, True)
            if own_dict is None:
                return _native_get(self, name)
        try:
            return own_dict[name]
        except KeyError:
            if name == "__dict__":
                return own_dict
        return _plain_get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own_dict = _dict_of(self, getcurrent(), True)
        if own_dict is None or name == "__dict__":
            _native_set(self, name, value)
            return
        found: Any = None if type(self) is local else _descriptor(self, name)
        if hasattr(found, "__set__"):
            type(found).__set__(found, self, value)
        else:
            own_dict[name] = value

    def __delattr__(self, name: str) -> None:
        own_dict = _dict_of(self, getcurrent(), True)
        if own_dict is None or name == "__dict__":
            _native_delete(self, name)
            return
        found: Any = None if type(self) is local else _descriptor(self, name)
        if hasattr(found, "__delete__"):
            type(found).__delete__(found, self)
        elif own_dict.pop(name, own_dict) is own_dict:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )


_dicts: Any = local._local__dicts
_get_dicts, _set_dicts = _dicts.__get__, _dicts.__set__
_arguments: Any = local._local__arguments
_get_arguments, _set_arguments = _arguments.__get__, _arguments.__set__
_tasks: Any = local._local__tasks
_get_tasks, _set_tasks = _tasks.__get__, _tasks.__set__


def _descriptor(self: local, name: str) -> Any:
    """What the class has as *name*: a property or a slot may handle the access."""
    for kind in type(self).__mro__:
        if name in vars(kind):
            return vars(kind)[name]
    return None


def _dict_of(self: local, own: Any, initialise: bool) -> dict[str, Any] | None:
    """The dict of whoever runs in the greenlet *own*; None where the C class has it."""
    found: dict[str, Any] | None = _get_dicts(self).get(own)
    if found is not None:
        return found
    while own.parent is not None:
        if type(own) is Carrier:
            return _dict_of_thread(self, own, own.thread, initialise)
        if type(own) is Worker:
            return _dict_of_task(self, initialise)
        own = own.parent
    return None


# What the green thread in each carrier has used, for its end: weak, a local may go before.
_used: Final[dict[Any, list[ref[local]]]] = {}


def _dict_of_thread(
    self: local, carrier: Any, thread: GreenThread, initialise: bool
) -> dict[str, Any]:
    dicts = _get_dicts(self)
    found: dict[str, Any] | None = dicts.get(carrier)
    if found is not None:
        return found
    made: dict[str, Any] = {}
    if not thread.ready():  # else this is a finalizer of what the thread left behind
        dicts[carrier] = made
        used = _used.get(carrier)
        if used is None:
            used = _used[carrier] = []
            thread._add_link(_used, partial(_drop, carrier))
        used.append(ref(self))
    if initialise:
        _initialise(self, partial(dicts.pop, carrier, None))
    return made


def _drop(carrier: Any) -> None:
    """The green thread in *carrier* has ended."""
    for reference in _used.pop(carrier):
        found = reference()
        if found is not None:
            _get_dicts(found).pop(carrier, None)


def _dict_of_task(self: local, initialise: bool) -> dict[str, Any] | None:
    loop = get_running_loop()
    task = None if loop is None else current_task(loop)
    if task is None:
        return None
    tasks = _get_tasks(self)
    if tasks is None:
        tasks = WeakKeyDictionary()
        _set_tasks(self, tasks)
    found: dict[str, Any] | None = tasks.get(task)
    if found is not None:
        return found
    made: dict[str, Any] = {}
    tasks[task] = made
    if initialise:
        _initialise(self, partial(tasks.pop, task, None))
    return made


def _initialise(self: local, undo: Callable[[], object]) -> None:
    """Call the ``__init__`` of a subclass for whoever runs."""
    kind: Any = type(self)
    if kind.__init__ is object.__init__:
        return
    args, kwargs = _get_arguments(self)
    try:
        kind.__init__(self, *args, **kwargs)
    except BaseException:
        undo()
        raise
