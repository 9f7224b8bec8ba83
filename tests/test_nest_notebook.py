"""``nest()`` in a real Jupyter kernel: ``asyncio.run`` in cells, beside what the kernel runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("ipykernel", reason="ipykernel is not installed (extra: compat)")
manager = pytest.importorskip(
    "jupyter_client.manager", reason="jupyter_client is not installed (extra: compat)"
)

#: Seconds that a cell may take (a guess, far above what any of them needs).
CELL = 60.0


@pytest.fixture
def cell(tmp_path: Any) -> Iterator[Callable[[str], tuple[str, str]]]:
    """Run a cell in a new kernel; gives what it printed, and its error."""
    kernel = manager.KernelManager(kernel_name="python3")
    # This Python's own kernel: the one that is registered under the name may be another's.
    kernel.kernel_spec.argv[0] = sys.executable
    kernel.start_kernel(
        cwd=str(tmp_path), env={**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    )
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(timeout=CELL)

    def run(code: str) -> tuple[str, str]:
        seen: dict[str, str] = {"stdout": "", "stderr": "", "error": ""}

        def hook(message: Any) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                seen[content["name"]] += content["text"]
            elif message["msg_type"] == "error":
                seen["error"] += f"{content['ename']}: {content['evalue']}"

        client.execute_interactive(code, output_hook=hook, timeout=CELL)
        return seen["stdout"], seen["error"]

    try:
        yield run
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


PREPARE = """
import asyncio, greenbridge
async def gives(value):
    await asyncio.sleep(0.01)
    return value
"""


@pytest.mark.filterwarnings("ignore")  # those of the client are its own affair
def test_cells_run_coroutines(cell: Any) -> None:
    assert cell(PREPARE) == ("", "")
    assert "cannot be called from a running event loop" in cell("asyncio.run(gives(0))")[1]
    # The cell that calls it is in a Task that was there before: asyncio.run has its own loop.
    assert cell("greenbridge.nest(); print(asyncio.run(gives(1)))") == ("1\n", "")
    assert cell("print(asyncio.run(gives(2)))") == ("2\n", "")
    both = "loop = asyncio.get_event_loop(); print(loop.run_until_complete(gives(3)))"
    assert cell(both) == ("3\n", "")
    assert cell("print(await gives(4), asyncio.run(gives(5)))") == ("4 5\n", "")
    # What the kernel's loop runs goes on meanwhile.
    cell("""
ticks = 0
async def counts():
    global ticks
    while True:
        ticks += 1
        await asyncio.sleep(0)
counter = asyncio.ensure_future(counts())
""")
    cell("before = ticks")
    assert cell("asyncio.run(asyncio.sleep(0.05)); print(ticks > before + 1)") == ("True\n", "")
    assert cell("asyncio.run(gives(1 / 0))")[1] == "ZeroDivisionError: division by zero"
    cell("counter.cancel(); greenbridge.unnest()")
    assert "cannot be called from a running event loop" in cell("asyncio.run(gives(0))")[1]
