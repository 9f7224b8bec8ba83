"""Which function a frame was calling: functions written in C have no frame of their own.

The frame's instruction belongs to a piece of source (PEP 657, Python 3.11), or at least to a line.
That is parsed, and the name that is called in it is looked up where the frame would look. Nothing
of the program runs for it: attributes are read without descriptors.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import linecache
import sys
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from types import FrameType

    from ._stacks import Place

_ABSENT: Final = object()
_CO_OPTIMIZED: Final = 0x1
_LINES_MAX: Final = 20  # a call over more lines is not read
#: What an instruction calls that is no call in the source.
_HIDDEN: Final = {
    "FOR_ITER": "__next__",
    "GET_ITER": "__iter__",
    "BEFORE_WITH": "__enter__",
    "SETUP_WITH": "__enter__",
    "LOAD_SPECIAL": "__enter__",
    "UNPACK_SEQUENCE": "__next__",
    "LIST_EXTEND": "__next__",
}


@final
@dataclass(frozen=True, slots=True)
class Callee:
    """What was called."""

    name: str  # "sqlite3.Connection.execute", or as it stands in the source
    value: Any  # the function itself; None if it was not found
    source: str  # "connection.execute"
    arguments: str  # "'SELECT 1', timeout=5"
    pieces: tuple[str, ...]  # of the source, dotted: ("connection", "execute")

    @property
    def offloaded(self) -> str:
        """The same call in a real OS thread."""
        return f"greenbridge.offload({', '.join(filter(None, (self.source, self.arguments)))})"


def callee_of(frame: FrameType, lasti: int, place: Place) -> Callee | None:
    """What *frame* was calling when it was at the instruction *lasti*; None if that is unclear."""
    code = frame.f_code
    operation = dis.opname[code.co_code[lasti]]
    if operation in ("IMPORT_NAME", "IMPORT_FROM"):
        return Callee("import", None, "import", "", ("import",))
    for node in _nodes(frame, lasti, place):
        hidden = _HIDDEN.get(operation, "")
        if isinstance(node, ast.Call) and not (hidden and operation != "LOAD_SPECIAL"):
            if sys.version_info >= (3, 11) and not operation.startswith(("CALL", "PRECALL")):
                hidden = hidden or "__call__"
            target: ast.expr = node.func
            arguments = ", ".join(
                [*map(ast.unparse, node.args)]
                + [
                    f"{k.arg}={ast.unparse(k.value)}" if k.arg else f"**{ast.unparse(k.value)}"
                    for k in node.keywords
                ]
            )
            found = _look_up(frame, target)
            name = _name(found, target)
            return Callee(name, found, ast.unparse(target), arguments, _pieces(target))
        if hidden and isinstance(node, ast.expr):
            owner = _look_up(frame, node)
            kind = type(owner) if owner is not None else None
            label = _type_name(kind) if kind is not None else ast.unparse(node)
            return Callee(
                f"{label}.{hidden}", None, f"{ast.unparse(node)}.{hidden}", "", _pieces(node)
            )
    return None


def _nodes(frame: FrameType, lasti: int, place: Place) -> list[ast.AST]:
    """The pieces of source that the instruction may stand for, likeliest first."""
    lines = linecache.getlines(place.file, frame.f_globals)
    if sys.version_info >= (3, 11):
        positions = list(frame.f_code.co_positions())[lasti // 2]
        first, last, left, right = positions
        if first is None or last is None or left is None or right is None:
            return []
        if last - first > _LINES_MAX or last > len(lines):
            return []
        chosen = [line.encode() for line in lines[first - 1 : last]]
        chosen[-1] = chosen[-1][:right]
        chosen[0] = chosen[0][left:]
        return _parsed(b"".join(chosen).decode(errors="replace"))
    for length in range(1, _LINES_MAX):
        text = "".join(lines[place.line - 1 : place.line - 1 + length]).strip()
        for form in (text, f"{text} pass", f"if 1:\n {text}"):
            try:
                tree = ast.parse(form)
            except SyntaxError:
                continue
            return _in_likely_order(frame, tree)
    return []


def _parsed(text: str) -> list[ast.AST]:
    try:
        node: ast.AST = ast.parse(f"({text})", mode="eval").body
    except SyntaxError:
        try:
            (node,) = ast.parse(text).body
        except (SyntaxError, ValueError):
            return []
    while isinstance(node, ast.Await):
        node = node.value
    return [node]


def _in_likely_order(frame: FrameType, tree: ast.AST) -> list[ast.AST]:
    """The calls on a line; those of functions in C first, which have no frame of their own."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls.sort(key=lambda node: isinstance(_look_up(frame, node.func), FunctionType))
    return [*calls]


def _pieces(node: ast.expr) -> tuple[str, ...]:
    pieces: list[str] = []
    while isinstance(node, ast.Attribute):
        pieces.append(node.attr)
        node = node.value
    pieces.append(node.id if isinstance(node, ast.Name) else "")
    return tuple(reversed(pieces))


def _look_up(frame: FrameType, node: ast.expr) -> Any:
    """The object that the expression stands for; None if that cannot be said without running it."""
    head, *rest = _pieces(node)
    value = _variable(frame, head) if head else _ABSENT
    if not head and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
        # open(path).read(): what the first call gives is gone; but its class may be known.
        made = _look_up(frame, node.value.func)
        value = _ABSENT if not isinstance(made, type) else made
    for name in rest:
        if value is _ABSENT:
            return None
        if isinstance(value, ModuleType):
            value = ModuleType.__getattribute__(value, "__dict__").get(name, _ABSENT)
        else:
            value = inspect.getattr_static(value, name, _ABSENT)
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    return None if value is _ABSENT else value


def _variable(frame: FrameType, name: str) -> Any:
    namespace = frame.f_locals
    value = namespace.get(name, _ABSENT)
    if sys.version_info < (3, 13) and frame.f_code.co_flags & _CO_OPTIMIZED:
        namespace.clear()  # a copy, which would keep the locals alive as long as the frame
    if value is _ABSENT:
        value = frame.f_globals.get(name, _ABSENT)
    return vars(builtins).get(name, _ABSENT) if value is _ABSENT else value


def _type_name(kind: type) -> str:
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else (f"{kind.__module__}.{kind.__qualname__}")
    )


def _name(found: Any, node: ast.expr) -> str:
    if found is None:
        return ast.unparse(node)
    if isinstance(node, ast.Name) and vars(builtins).get(node.id) is found:
        return node.id  # open() says that it is io.open
    if isinstance(found, type):
        return _type_name(found)
    kind = type(found)
    if kind.__module__.startswith("ctypes"):
        keeps = getattr(kind, "_flags_", 0) & 0x4  # FUNCFLAG_PYTHONAPI: it keeps the GIL
        return f"ctypes.{'PyDLL' if keeps else 'CDLL'}.{getattr(found, '__name__', '?')}"
    owner = getattr(found, "__objclass__", None)
    if isinstance(owner, type):
        return f"{_type_name(owner)}.{getattr(found, '__name__', '?')}"
    module = getattr(found, "__module__", None)
    self = getattr(found, "__self__", None)
    if self is not None and not isinstance(self, ModuleType):
        return f"{_type_name(type(self))}.{getattr(found, '__name__', '?')}"
    name = getattr(found, "__qualname__", None) or getattr(found, "__name__", None)
    if not isinstance(name, str):
        return ast.unparse(node)
    return f"{module}.{name}" if module and module != "builtins" else name
