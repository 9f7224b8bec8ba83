"""Reading standard input: a green thread that does parks, and the program goes on.

``sys.stdin`` becomes a text file of the same kind whose lowest layer parks (``_files``), if it is
a terminal, a pipe or a socket and nobody has put something else in its place. What the old one
had read ahead stays in it, so patch before the first read.

``input()`` reads from ``sys.stdin``, except at a terminal, where C code waits. There it is done
here, as the original does it without the ``readline`` module: the terminal's own line editing.
"""

from __future__ import annotations

import builtins
import io
import sys
from typing import Any, Final

from .._waiting import parkable
from ._files import BufferedReader, FileIO
from ._pipes import is_file

_input: Final = builtins.input


def __getattr__(name: str) -> Any:
    if name == "stdin":
        return _green_of(sys.stdin)
    raise AttributeError(name)


def _green_of(stdin: Any) -> Any:
    """A file like *stdin* that parks; *stdin* itself if there is no need, or it is another kind."""
    if type(stdin) is not io.TextIOWrapper or type(stdin.buffer) is not io.BufferedReader:
        return stdin
    raw = stdin.buffer.raw
    try:
        if type(raw) is not io.FileIO or is_file(raw.fileno()):
            return stdin
    except (OSError, ValueError):  # closed
        return stdin
    green = FileIO(raw.fileno(), "r", closefd=False)
    green.name = raw.name
    made = io.TextIOWrapper(
        BufferedReader(green, io.DEFAULT_BUFFER_SIZE),
        stdin.encoding,
        stdin.errors,
        line_buffering=stdin.line_buffering,
    )
    made.mode = getattr(stdin, "mode", "r")  # type: ignore[misc]  # as the original has it
    return made


def _is_green(stdin: Any) -> bool:
    buffer: object = getattr(stdin, "buffer", None)
    return isinstance(buffer, BufferedReader) and isinstance(buffer.raw, FileIO)


def input(prompt: object = "", /) -> str:
    """Read a line of ``sys.stdin``; park until it is there. Without its end.

    Outside green code it is the original, with the ``readline`` module if that is loaded. On
    cancellation nothing has been read. https://docs.python.org/3/library/functions.html#input

    Raises:
        EOFError: there is no line any more.
    """
    stdin, stdout = sys.stdin, sys.stdout
    if not parkable() or not _is_green(stdin) or stdout is None or not stdin.isatty():
        return _input(prompt)  # calls sys.stdin.readline(), or reads something else
    sys.audit("builtins.input", prompt)
    if sys.stderr is not None:
        sys.stderr.flush()
    stdout.write(str(prompt))
    stdout.flush()
    line: str = stdin.readline()
    if not line:
        raise EOFError
    sys.audit("builtins.input/result", line)
    return line.removesuffix("\n")
