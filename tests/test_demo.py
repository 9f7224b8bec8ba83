"""The demo: three ways to run one client, each measured; what goes wrong is told, never hidden."""

from __future__ import annotations

import ast
import json
import os
import pty
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge._cli.demo as command
from greenbridge._demo import driver

from .conftest import FRESH_TIMEOUT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = 12
LATENCY = 0.1


def start(folder: Path, *words: str, **more: Any) -> subprocess.Popen[str]:
    """Start the demo in *folder*; *more* is for Popen."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "greenbridge", "demo", *words],
        cwd=folder,
        env=environment,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )


def run_demo(folder: Path, *words: str, **more: Any) -> tuple[int, str, str]:
    """Run the demo to its end: exit code, output, errors."""
    with start(folder, *words, **more) as process:
        try:
            output, errors = process.communicate(timeout=FRESH_TIMEOUT)
        except BaseException:
            process.kill()
            raise
        return process.returncode, output, errors


def shown_by(terminal: int) -> bytes:
    """Read a pseudo-terminal until its other side is closed."""
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # EIO: Linux says so when the other side of a terminal is closed
        pass
    return shown


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_green_threads_are_concurrent_in_one_os_thread_and_never_stall_the_loop(
    loop: str, tmp_path: Path
) -> None:
    words = ("-n", str(REQUESTS), "--latency", str(LATENCY), "--loop", loop, "--json", "--show")
    code, output, errors = run_demo(tmp_path, *words)
    assert (code, errors) == (0, "")
    report = json.loads(output)
    assert (report["ok"], report["loop"], report["requests"]) == (True, loop, REQUESTS)
    assert report["client"] == driver.CLIENT.read_text(encoding="utf-8")
    rows = {row["way"]: row for row in report["ways"]}
    assert list(rows) == list(driver.WAYS)
    for row in rows.values():
        assert (row["requests"], row["failed"], row["error"]) == (REQUESTS, 0, "")
        assert row["peak_memory_bytes"] > 1_000_000
    together = REQUESTS * LATENCY
    assert rows["sequence"]["seconds"] >= together
    assert rows["sequence"]["largest_gap_s"] >= together  # blocking code stops the app
    assert rows["threads"]["os_threads"] > REQUESTS / 2  # one that is ready takes the next, if late
    assert rows["green"]["os_threads"] == rows["sequence"]["os_threads"] == 1
    assert LATENCY <= rows["green"]["seconds"] < together
    assert rows["green"]["largest_gap_s"] < together


def test_table_without_a_terminal_is_plain(tmp_path: Path) -> None:
    code, output, errors = run_demo(tmp_path, "-n", "3", "--latency", "0", "--show")
    assert code == 0, output + errors
    assert "\x1b" not in output + errors
    assert errors.splitlines() == [f"{words}: 3 requests ..." for words in driver.WAYS.values()]
    assert driver.CLIENT.read_text(encoding="utf-8") in output
    for words in (*driver.WAYS.values(), "requests", "seconds", "peak memory", "OS threads", "gap"):
        assert words in output


@pytest.mark.skipif(
    sys.platform == "linux" and not Path("/dev/pts/ptmx").exists(),
    reason="there are no pseudo-terminals where devpts is not mounted, as in a bare chroot",
)
def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor() as reader:
        # Read while it runs: a slow machine shows more frames than a terminal's buffer takes.
        reading = reader.submit(shown_by, ours)
        try:
            code, output, _ = run_demo(
                tmp_path,
                "-n",
                "4",
                "--latency",
                "0.1",
                "--json",
                stderr=theirs,
                env={"TERM": "xterm"},
            )
        finally:
            os.close(theirs)
        shown = reading.result()
    os.close(ours)
    assert code == 0
    assert json.loads(output)["ok"]
    for words in driver.WAYS.values():
        assert words in shown.decode()
    assert "/4" in shown.decode()


def test_client_is_a_plain_blocking_program() -> None:
    tree = ast.parse(driver.CLIENT.read_text(encoding="utf-8"))
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert imported == {"__future__", "ssl", "sys", "urllib.request"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]


def test_client_runs_on_its_own() -> None:
    with driver.serving(0) as (http, https):
        done = subprocess.run(
            [
                *(sys.executable, driver.CLIENT, driver.HERE / "demo-only-certificate.pem"),
                *(f"http://127.0.0.1:{http}/one", f"https://localhost:{https}/two"),
            ],
            capture_output=True,
            text=True,
            timeout=FRESH_TIMEOUT,
            check=False,
            env={**os.environ, "no_proxy": "*"},
        )
    assert (done.stdout, done.stderr) == ("/one\n/two\n", "")


def test_certificate_says_that_it_is_for_the_demo_and_lasts() -> None:
    context = ssl.create_default_context(cafile=driver.HERE / "demo-only-certificate.pem")
    with (
        driver.serving(0) as (_, https),
        socket.create_connection(("127.0.0.1", https)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        shown = secure.getpeercert()
    assert shown is not None
    assert "demo only" in str(shown["subject"])
    assert str(shown["notAfter"]).split()[3] == "2124"


def test_proxies_of_the_user_are_left_alone(tmp_path: Path) -> None:
    proxy = f"http://127.0.0.1:{closed_port()}"
    code, output, _ = run_demo(
        tmp_path, "-n", "2", "--latency", "0", env={"http_proxy": proxy, "HTTPS_PROXY": proxy}
    )
    assert code == 0, output


@pytest.mark.parametrize("way", driver.WAYS)
def test_failed_requests_are_counted_and_the_first_is_shown(way: str) -> None:
    port = closed_port()
    row = driver.measure(
        way, requests=3, loop="asyncio", ports=(port, port), progress=lambda done: None
    )
    assert (row.requests, row.failed) == (0, 3)
    assert f"127.0.0.1:{port}/" in row.error
    assert "refused" in row.error


def test_a_process_that_breaks_is_a_failure_with_its_last_words() -> None:
    row = driver.measure(
        "nonsense", requests=3, loop="asyncio", ports=(1, 1), progress=lambda done: None
    )
    assert (row.requests, row.failed) == (0, 3)
    assert row.error == "ended with exit code 1: KeyError: 'nonsense'"


def test_exit_code_tells_of_failures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def nobody_listens(latency: float) -> Iterator[tuple[int, int]]:
        port = closed_port()
        yield port, port

    monkeypatch.setattr(command, "serving", nobody_listens)
    code = command.demo(requests=2, latency=0, loop="asyncio", as_json=False, show=False)
    assert code == 1
    assert "2 failed" in capsys.readouterr().out


def test_one_after_another_ends_early_rather_than_last_for_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "SEQUENCE_LIMIT_S", 0.1)
    with driver.serving(0.2) as ports:
        row = driver.measure(
            "sequence", requests=50, loop="asyncio", ports=ports, progress=lambda done: None
        )
    assert (row.requests, row.failed, row.error) == (1, 0, "")


def test_too_few_open_files_are_told_with_a_number_that_works(tmp_path: Path) -> None:
    demo = [sys.executable, "-m", "greenbridge", "demo", "-n"]
    for number, code in (("65", 2), ("64", 0)):
        done = subprocess.run(
            ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh", *demo, number, "--latency", "0"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=FRESH_TIMEOUT,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert ("write -n 64" in done.stderr) == (code == 2)


def test_server_ends_with_the_demo() -> None:
    with driver._process(str(driver.HERE / "server.py"), "0", driver._CERTIFICATE, driver._KEY) as (
        server,
        _,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        server.stdout.readline()
        server.stdin.close()
        assert server.wait(timeout=FRESH_TIMEOUT) == 0


def members(group: int) -> int:
    """How many processes of a process group run; what has ended and is not collected is not."""
    states = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended while we looked
            state, _parent, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            states += [state] if of_group == str(group) else []
    return sum(state not in "ZX" for state in states)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a group in /proc")
def test_ctrl_c_stops_the_demo_and_all_that_it_started(tmp_path: Path) -> None:
    with start(tmp_path, "-n", "5", "--latency", "10", start_new_session=True) as process:
        end = time.monotonic() + FRESH_TIMEOUT
        while members(process.pid) < 3:  # the demo, its server, the client
            assert time.monotonic() < end
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=FRESH_TIMEOUT)
        assert process.returncode == 130
        assert errors.splitlines() == ["one after another: 5 requests ...", "stopped"]
        while members(process.pid):
            assert time.monotonic() < end
            time.sleep(0.01)
