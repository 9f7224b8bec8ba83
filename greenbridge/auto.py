"""``import greenbridge.auto`` makes the standard library cooperative: it is ``patch_all()``.

Import it first, before modules that copy names out of the standard library
(``from time import sleep``). ``greenbridge.stale()`` lists those that came too early.
"""

from __future__ import annotations

from typing import Final

from ._patching import Applied, patch_all

__all__ = ("APPLIED",)

#: The token of this import: ``greenbridge.auto.APPLIED.restore()`` undoes it.
APPLIED: Final[Applied] = patch_all()
