"""Brings the source of a suite: the archive of its release, or a tag of its repository."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import environments
from ..services import AbsentError

if TYPE_CHECKING:
    from .table import Suite

__all__ = ("brought",)

#: Seconds that bringing one may take.
_LIMIT: Final = 600.0


def brought(suite: Suite, python: list[str]) -> Path:
    """The folder with the suite's source, which is kept from run to run.

    Args:
        python: the command of a Python that has pip.

    Raises:
        AbsentError: it cannot be had; the text says why.
    """
    folder = environments.cache() / "suites" / "sources" / f"{suite.name}-{suite.version}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        work = Path(scratch)
        if suite.repository:
            command = ["git", "clone", "-q", "--depth", "1", "--branch", suite.tag]
            _run([*command, suite.repository, str(work / "source")], suite)
        else:
            wanted = f"{suite.name}=={suite.version}"
            only = ["--no-deps", "--no-binary", suite.name, "-d", str(work / "archive")]
            _run([*python, "-m", "pip", "download", "-q", *only, wanted], suite)
            unpack(next((work / "archive").iterdir()), work / "source")
        (work / "source").rename(folder)
    return folder


def unpack(archive: Path, target: Path) -> None:
    """Unpack a source archive, whose one folder becomes *target*."""
    scratch = target.with_name("unpacked")
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(scratch, filter="data")
        else:
            tar.extractall(scratch)  # an early 3.10 or 3.11
    (folder,) = scratch.iterdir()
    folder.rename(target)


def copied(suite: Suite, source: Path, target: Path) -> None:
    """Copy what a run needs: suites write next to their files."""
    if not suite.take:
        shutil.copytree(source, target)
        return
    target.mkdir(parents=True)
    for name in suite.take:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, place)
        else:
            shutil.copy2(source / name, place)


def _run(command: list[str], suite: Suite) -> None:
    try:
        done = subprocess.run(
            command,
            env={**environments.variables(), "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AbsentError(f"the source of {suite.name} {suite.version}: {error}") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        words = said[-1].strip() if said else f"exit code {done.returncode}"
        raise AbsentError(f"the source of {suite.name} {suite.version} cannot be had: {words}")
