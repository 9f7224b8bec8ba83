"""``socketserver``, ``http.server``, ``wsgiref`` and ``xmlrpc`` as they are, with 100 clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests import stdlib_servers

from .conftest import LOOPS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import FreshPython

pytestmark = pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="counts descriptors and OS threads in /proc"
)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("case", stdlib_servers.CASES, ids=lambda case: case.__name__)
def test_a_server_serves_all_clients_and_stops(
    case: Callable[[], None], loop: str, fresh_python: FreshPython
) -> None:
    code = (
        "from tests import stdlib_servers\n"
        f"stdlib_servers.{case.__name__}()\n"
        "print(max(stdlib_servers.os_threads))\n"
    )
    done = fresh_python(code, options=("-m", "greenbridge", "--loop", loop))
    assert int(done.stdout) <= 4, "the threads of clients and handlers are green ones"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_is_a_main_program_ends_by_ctrl_c(loop: str, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("a page")
    command: list[Any] = [sys.executable, "-u", "-m", "greenbridge", "--loop", loop]
    with subprocess.Popen(
        [*command, "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://[\d.]+:\d+/", process.stdout.readline())
        assert found
        with urllib.request.urlopen(f"{found[0]}page.txt", timeout=30) as answer:
            assert answer.read() == b"a page"
        process.send_signal(signal.SIGINT)
        assert "Keyboard interrupt received" in process.communicate(timeout=30)[0]
    assert process.returncode == 0
