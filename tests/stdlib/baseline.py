"""What plain Python does on this machine, kept between runs, outside the repository."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .running import Record

if TYPE_CHECKING:
    from .versions import Python

__all__ = ("Baseline", "Identity", "default_folder", "identify")

#: Printed by the Python that is asked who it is.
_QUESTION: Final = (
    "import json, os, platform, sys, test, test.libregrtest.cmdline as options; "
    "print(json.dumps([list(sys.version_info[:2]), sys.version, sys.executable, "
    "platform.platform(), os.path.dirname(test.__file__), "
    "sorted(options.RESOURCE_NAMES), os.listdir(os.path.dirname(test.__file__))]))"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A Python as far as its test results depend on it."""

    python: Python
    version: str
    key: str
    #: What `regrtest -u` knows.
    resources: frozenset[str]
    #: The modules and packages that are installed in its `test`.
    tests: frozenset[str] = frozenset()


def identify(command: tuple[str, ...]) -> Identity:
    """Ask a Python who it is.

    Raises:
        ValueError: it does not start, or has no ``test`` package.
    """
    try:
        answer = subprocess.run(
            [*command, "-c", _QUESTION], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise ValueError(
            f"{' '.join(command)!r} does not work as a Python with CPython's 'test' package: {said}"
        ) from error
    (major, minor), version, *rest, resources, files = json.loads(answer)
    key = hashlib.sha256(json.dumps([version, *rest]).encode()).hexdigest()[:16]
    tests = frozenset(name.removesuffix(".py") for name in files)
    return Identity((major, minor), version.split()[0], key, frozenset(resources), tests)


def default_folder() -> Path:
    """Where baselines are kept unless the caller says otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "greenbridge" / "stdlib"


class Baseline:
    """The plain results of one Python, one file a suite, made when asked for the first time."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder / f"{identity.version}-{identity.key}"

    def get(self, suite: str, options: list[str]) -> Record | None:
        """What was recorded with the same options of regrtest, or None."""
        path = self._folder / f"{suite}.json"
        if not path.exists():
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
        return Record(**data["record"]) if data["options"] == options else None

    def put(self, record: Record, options: list[str]) -> None:
        """Keep a record."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{record.suite}.json"
        half = path.with_suffix(f".{os.getpid()}.tmp")
        half.write_text(json.dumps({"options": options, "record": asdict(record)}))
        half.replace(path)
