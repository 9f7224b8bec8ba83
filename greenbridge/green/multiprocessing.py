"""Stand-ins for what waits in ``multiprocessing``.

Most of it needs none: it is made of ``os``, ``socket``, ``selectors`` and ``threading``, which are
green. What is left are functions that hold originals as defaults of their arguments, because the
module was imported before patching: here they are again, with other defaults.
"""

from __future__ import annotations

import types
from multiprocessing.connection import Connection as _Connection
from typing import Any, Final

from . import os as _green

__all__ = ("close", "recv", "send")


def _with_default(function: Any, default: Any) -> Any:
    """A copy of *function*, whose last argument has another *default*."""
    made = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, (default,), function.__closure__
    )
    made.__doc__ = function.__doc__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    return made


close: Final = _with_default(_Connection._close, _green.close)  # type: ignore[attr-defined]  # private
recv: Final = _with_default(_Connection._recv, _green.read)  # type: ignore[attr-defined]  # private
send: Final = _with_default(_Connection._send, _green.write)  # type: ignore[attr-defined]  # private
