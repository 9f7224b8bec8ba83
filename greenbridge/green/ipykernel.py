"""What a notebook's kernel runs a cell in, so that ``nest()`` serves sync code in cells.

The kernel runs cells in Tasks that it has made when it started. They cannot be made green, but what
they await can.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any, Final

from ipykernel.ipkernel import IPythonKernel

from .._green_tasks import pool_of
from .._tasks import GreenCoro

__all__ = ("do_execute",)

# Any: its arguments depend on the version, and are passed on.
_do_execute: Final[Any] = IPythonKernel.do_execute


async def do_execute(self: Any, *args: Any, **kwargs: Any) -> Any:
    """``IPythonKernel.do_execute``: in a cell sync code can wait."""
    pool = pool_of(asyncio.get_running_loop())
    return await GreenCoro(pool, _do_execute(self, *args, **kwargs))


functools.update_wrapper(do_execute, _do_execute)
