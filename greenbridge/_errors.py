"""The exceptions of greenbridge, each with a code that docs/errors.md explains.

A message says what happened, why it usually happens, and the line to write
instead. The code is part of the text, so that a log line can be looked up.
"""

from __future__ import annotations

from typing import ClassVar, Final

import greenlet as _greenlet

__all__ = (
    "DOCS",
    "BadTimeoutError",
    "BlockingSwitchError",
    "ClosedHubError",
    "GreenExit",
    "GreenbridgeError",
    "HubConflictError",
    "LoopHeldWarning",
    "LoopMismatchError",
    "NoPortalError",
    "NotAwaitableError",
    "PatchConflictError",
    "SwitchForbiddenError",
    "UnknownPatchError",
)

DOCS: Final = "https://greenbridge.readthedocs.io/errors/"

#: Raised in a green thread that is killed. A BaseException: ``except Exception`` lets it pass.
GreenExit = _greenlet.GreenletExit


class GreenbridgeError(Exception):
    """Base of every error that greenbridge raises on its own account."""

    code: ClassVar[str] = "GB000"

    def __str__(self) -> str:
        return f"{super().__str__()} [{self.code}: {DOCS}#{self.code.lower()}]"


class NoPortalError(GreenbridgeError, RuntimeError):
    """``await_`` was called where no Task or green thread can wait for it."""

    code = "GB101"


class NotAwaitableError(GreenbridgeError, TypeError):
    """Something that cannot be awaited was given where an awaitable is needed."""

    code = "GB102"


class SwitchForbiddenError(GreenbridgeError, RuntimeError):
    """A call had to park inside ``no_switch()``."""

    code = "GB103"


class BlockingSwitchError(GreenbridgeError, RuntimeError):
    """A wait that could never end was started inside a bare loop callback."""

    code = "GB104"


class LoopHeldWarning(GreenbridgeError, RuntimeWarning):
    """Strict mode saw that something kept an event loop from running for longer than its limit."""

    code = "GB105"


class HubConflictError(GreenbridgeError, RuntimeError):
    """A second hub or loop was asked for in a thread that already runs one."""

    code = "GB201"


class LoopMismatchError(GreenbridgeError, RuntimeError):
    """An object of one event loop was used with another one, or a closed one."""

    code = "GB202"


class ClosedHubError(GreenbridgeError, RuntimeError):
    """The hub has ended: nothing can wait on it any more."""

    code = "GB203"


class BadTimeoutError(GreenbridgeError, ValueError):
    """A timeout was negative, NaN or not a number."""

    code = "GB301"


class UnknownPatchError(GreenbridgeError, LookupError):
    """A patch name that no table has."""

    code = "GB401"


class PatchConflictError(GreenbridgeError, RuntimeError):
    """An attribute that greenbridge replaced was replaced again by somebody else."""

    code = "GB402"
