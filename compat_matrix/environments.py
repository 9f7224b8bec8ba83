"""The Pythons and their virtual environments, one each: greenbridge and what the rows require.

Interpreters are found, and 3.14 and 3.15 brought where that is possible, by ``.ci/pythons.py``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ("Environment", "find", "servers_python")

ROOT: Final = Path(__file__).resolve().parent.parent
#: Seconds that one installation may take.
_INSTALL: Final = 900.0


def _pythons() -> Any:
    """The module ``.ci/pythons.py``; its folder is no package."""
    spec = importlib.util.spec_from_file_location("_ci_pythons", ROOT / ".ci" / "pythons.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for their module
    spec.loader.exec_module(module)
    return module


@dataclass
class Environment:
    """A virtual environment of one Python."""

    folder: Path
    base: list[str]  # the command of the Python that it is made with
    prefix: list[str] = field(default_factory=list)  # enters the system that has it
    installed: dict[str, str] = field(default_factory=dict)  # requirement: "" or what went wrong

    @property
    def python(self) -> list[str]:
        """The command that runs its Python."""
        return [*self.prefix, str(self.folder / "bin" / "python")]

    def make(self) -> str:
        """Make it if it is not there; returns what went wrong, or nothing."""
        if not (self.folder / "pyvenv.cfg").exists():
            done = _run([*self.prefix, *self.base, "-m", "venv", str(self.folder)])
            if done:
                return done
        return self.install(("-e", str(ROOT)))

    def install(self, requirements: tuple[str, ...]) -> str:
        """Install what is not installed yet; returns what went wrong, or nothing."""
        wanted = " ".join(requirements)
        if wanted not in self.installed:
            uv = None if self.prefix else shutil.which("uv")
            pip = [uv, "pip"] if uv else [*self.python, "-m", "pip"]
            target = ["--python", str(self.folder)] if uv else []
            self.installed[wanted] = _run([*pip, "install", "-q", *target, *requirements])
        return self.installed[wanted]


def variables() -> dict[str, str]:
    """What a Python is started with; its system may be another one, which shares the folder."""
    return {**os.environ, "SHARED": str(cache()), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=variables(), capture_output=True, text=True, timeout=_INSTALL
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {_INSTALL:.0f} s: {' '.join(command)}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or [f"exit code {done.returncode}"])[-1].strip()


def cache() -> Path:
    """Where environments and logs stay between runs."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "greenbridge-compat"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find(wanted: list[str]) -> tuple[dict[str, Environment], dict[str, str]]:
    """An environment for each Python of *wanted*; second, why there is none for the others."""
    pythons = _pythons()
    found, missing = pythons.find(wanted, pythons.cache_folder() / "newer-pythons")
    environments = {
        series: Environment(
            cache() / f"venv-{python.version}", [python.executable], list(python.prefix)
        )
        for series, python in found.items()
    }
    return environments, missing


def servers_python(requirements: tuple[str, ...]) -> Environment:
    """The environment of the servers, with the Python that runs this program.

    Raises:
        RuntimeError: it could not be made.
    """
    environment = Environment(cache() / "venv-servers", [sys.executable])
    if wrong := environment.make() or (environment.install(requirements) if requirements else ""):
        raise RuntimeError(f"the environment of the servers could not be made: {wrong}")
    return environment
