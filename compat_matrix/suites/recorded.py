"""What was seen: ``suites.json``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import results
from .comparing import differing

if TYPE_CHECKING:
    from .running import Record
    from .table import Suite

__all__ = ("RECORDED", "entry", "key_of", "load", "save")

RECORDED: Final = Path(__file__).parent.with_name("suites.json")


def key_of(suite: Suite, python: str, world: str, loop: str) -> str:
    """How suites.json names a run."""
    return f"{suite.name} / {python} / {world} / {loop}"


def entry(
    suite: Suite, plain: Record, green: Record, versions: dict[str, str], problems: list[str]
) -> dict[str, Any]:
    """One run, as it is written down."""
    return {
        "version": suite.version,
        "plain": plain.counts(),
        "plain_s": plain.seconds,
        "green": green.counts(),
        "green_s": green.seconds,
        "waits": green.proof.get("waits", 0),
        "differ": {test: list(both) for test, both in differing(plain, green).items()},
        "problems": problems,
        "versions": versions,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def load(path: Path = RECORDED) -> dict[str, dict[str, Any]]:
    """Every recorded run by its key; empty if nothing was ever recorded."""
    return results.load(path)


def save(recorded: dict[str, dict[str, Any]], path: Path = RECORDED) -> None:
    """Write all runs, sorted, one line each."""
    results.save(recorded, path)
