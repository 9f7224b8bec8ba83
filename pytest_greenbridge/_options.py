"""The options of the command line and of the ini file, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast, final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

Leaks = Literal["off", "report", "error"]

_LEAKS: Final = ("off", "report", "error")
_NAMES: Final = "the names are those that 'python -m greenbridge patches' lists"


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for, on the command line or else in the ini file."""

    patch: bool
    only: tuple[str, ...] | None  # None: all
    exclude: tuple[str, ...]
    loops: tuple[str, ...]  # empty: nobody has asked for one
    leaks: Leaks
    distributes: bool  # the tests run in pytest-xdist's workers, and not in this process

    @property
    def asked(self) -> bool:
        """Whether anything but the mark and the fixtures is wanted."""
        return self.patch or bool(self.loops) or self.leaks != "off"


_KEY: Final = pytest.StashKey[Settings]()


def add_options(parser: pytest.Parser) -> None:
    """Declare every option; each has an ini setting of the same meaning."""
    group = parser.getgroup("greenbridge", "blocking tests on an event loop (greenbridge)")
    group.addoption(
        "--greenbridge-patch",
        action="store_true",
        default=None,
        help="patch the standard library before conftest files and tests are imported, and run "
        "the whole suite so",
    )
    for option, text in (("only", "patch these only"), ("exclude", "do not patch these")):
        group.addoption(
            f"--greenbridge-{option}",
            action="append",
            metavar="a,b",
            help=f"{text} (implies --greenbridge-patch); {_NAMES}",
        )
    group.addoption(
        "--greenbridge-loop",
        action="append",
        metavar="uvloop,asyncio",
        help="the event loop: uvloop or asyncio; with both, each green and async test runs on each",
    )
    group.addoption(
        "--greenbridge-leaks",
        choices=_LEAKS,
        help="look after each test for green threads, descriptors and registrations that it has "
        "left: report lists them at the end, error fails the test; default: off",
    )
    parser.addini("greenbridge_patch", "as --greenbridge-patch", type="bool", default=False)
    for name in ("only", "exclude", "loop"):
        parser.addini(
            f"greenbridge_{name}", f"as --greenbridge-{name}, in words", type="args", default=[]
        )
    parser.addini("greenbridge_leaks", "as --greenbridge-leaks", default="off")


def settings(config: pytest.Config) -> Settings:
    """What was asked for.

    Raises:
        pytest.UsageError: a value that an ini setting cannot have.
    """
    known = config.stash.get(_KEY, None)
    if known is None:
        known = config.stash[_KEY] = _read(config)
    return known


def _read(config: pytest.Config) -> Settings:
    # Before the conftest files are loaded, config.option has the defaults only; and a plugin that
    # a conftest file names has its options there alone.
    given: Any = config.known_args_namespace
    if not hasattr(given, "greenbridge_patch"):
        given = config.option
    only = _words(given.greenbridge_only)
    exclude = _words(given.greenbridge_exclude)
    patch = given.greenbridge_patch or only is not None or exclude is not None
    if only is None:
        only = _words(config.getini("greenbridge_only") or None)
    if exclude is None:
        exclude = _words(config.getini("greenbridge_exclude"))
    loops = _words(given.greenbridge_loop)
    if loops is None:
        loops = _words(config.getini("greenbridge_loop"))
    leaks = given.greenbridge_leaks or config.getini("greenbridge_leaks")
    if leaks not in _LEAKS:
        raise pytest.UsageError(
            f"greenbridge_leaks is {leaks!r} in the ini file; write one of {', '.join(_LEAKS)}"
        )
    return Settings(
        patch=bool(patch or config.getini("greenbridge_patch")),
        only=only,
        exclude=exclude or (),
        loops=tuple(dict.fromkeys(loops or ())),
        leaks=cast("Leaks", leaks),
        distributes=_distributes(given),
    )


def _words(values: Iterable[str] | None) -> tuple[str, ...] | None:
    if values is None:
        return None
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _distributes(given: Any) -> bool:
    """Whether this is pytest-xdist's controller, which runs no test itself.

    A worker is given the same command line. It is executed by execnet, in a module of this name.
    """
    if not (getattr(given, "numprocesses", None) or getattr(given, "tx", None)):
        return False
    if getattr(given, "numprocesses", None) == 0:
        return False
    import sys

    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "__channelexec__":
            return False
        frame = frame.f_back
    return True
