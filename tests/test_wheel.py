"""The wheel holds the package, tables included, and nothing else; the sdist builds the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.source import PACKAGE, PLUGIN, ROOT, files

if TYPE_CHECKING:
    from pathlib import Path


def build(source: Path, out: Path, kind: str) -> Path:
    """Build a wheel or an sdist of the tree *source*, without network, and give its path."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(out)]
    done = subprocess.run(
        [*command, str(source)], capture_output=True, text=True, cwd=out, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {item: archive.read(item) for item in archive.namelist()}


def test_tables_are_a_link_in_the_checkout() -> None:
    link = PACKAGE / "patches"
    assert link.is_symlink()
    assert os.readlink(link) == os.path.join("..", "patches")


def test_wheel_has_the_package_and_its_pytest_plugin(wheel: Path) -> None:
    tops = {item.split("/")[0] for item in contents(wheel)}
    assert tops - {t for t in tops if t.endswith(".dist-info")} == {PACKAGE.name, PLUGIN.name}
    (points,) = [v for k, v in contents(wheel).items() if k.endswith("/entry_points.txt")]
    assert f"[pytest11]\n{PLUGIN.name} = {PLUGIN.name}" in points.decode()


def test_wheel_is_the_checkout_byte_for_byte(wheel: Path) -> None:
    here = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (*files(PACKAGE, ""), *files(PLUGIN, ""))
        if not path.name.endswith(".pyc")
    }
    ours = (f"{PACKAGE.name}/", f"{PLUGIN.name}/")
    built = {k: v for k, v in contents(wheel).items() if k.startswith(ours)}
    assert sorted(built) == sorted(here)
    assert built == here
    assert {"greenbridge/py.typed", "greenbridge/patches/__init__.py"} <= set(built)


def test_metadata_names_what_pip_needs(wheel: Path) -> None:
    (metadata,) = [v for k, v in contents(wheel).items() if k.endswith("/METADATA")]
    lines = metadata.decode().splitlines()
    assert "Requires-Python: >=3.10" in lines
    needed = {line.split(": ", 1)[1] for line in lines if line.startswith("Requires-Dist: ")}
    always = {item for item in needed if "extra ==" not in item}
    assert {item.split(">")[0] for item in always} == {
        "anyio",
        "exceptiongroup",
        "greenlet",
        "rich",
        "uvloop",
    }
    assert any(item.startswith("uvloop") and "win32" in item for item in always)


def test_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT, tmp_path, "sdist")
    with tarfile.open(sdist) as archive:
        # our own archive, made a moment ago: nothing in it is hostile
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    out = tmp_path / "again"
    out.mkdir()
    again = build(tmp_path / sdist.name.removesuffix(".tar.gz"), out, "wheel")
    assert contents(again) == contents(wheel)
