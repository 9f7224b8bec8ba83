"""``multiprocessing`` patched: the parent waits, and others run. Real processes, by each method."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from .process_cases import CASES

if TYPE_CHECKING:
    from .conftest import FreshPython

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not patched there")

METHODS = ("fork", "spawn", "forkserver")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_parent_waits_greenly(case: Any, method: str, fresh_python: FreshPython) -> None:
    fresh_python(
        "import greenbridge.auto\n"
        "from tests.process_cases import run\n"
        f"if __name__ == '__main__': run({case.__name__!r}, {method!r})\n",
        options=("-W", "ignore::DeprecationWarning"),
    )
