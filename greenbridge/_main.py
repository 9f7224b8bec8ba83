"""Which OS thread is the main one: where signal handlers run, and with which the program ends.

``threading.main_thread()`` does not say: in the child of a fork it is whichever thread forked,
which may have been a green one.
"""

from __future__ import annotations

import os
import threading

from ._originals import get_ident

_ident = threading.main_thread().ident


def is_main(ident: int) -> bool:
    """Whether the OS thread *ident* is the main one."""
    return ident == _ident


def _after_fork_in_child() -> None:
    global _ident
    _ident = get_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
