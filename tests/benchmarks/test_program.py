"""The benchmark program runs and says what it found; no time is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ._report import OURS
from ._targets import TARGETS
from ._workloads import BY_NAME, PEERS, WORKLOADS

_ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize(
    "names",
    [
        "sleep0,spawn_join,spawn_join_1k,timeout,parked_sleep,parked_join",
        "socketpair,socketpair_timeout,echo_1,echo_100,echo_1_timeout,bulk,tls_echo",
        "await_coroutine,await_future,await_sleep0,task_step,run_sync",
        "task_await_coroutine,task_await_future,task_await_sleep0",
        "getaddrinfo_literal,getaddrinfo_name,import_patch",
        "lock,rlock,lock_with,rlock_with,lock_handover,lock_contended,rlock_contended,semaphore",
        "event,condition,queue,simple_queue,queue_bounded,queue_free,native_wake",
        "thread,executor_map,subprocess_run",
    ],
)
def test_each_workload_gives_a_figure_for_greenbridge(names: str, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = _run(
        "--only", names, "--peers", OURS, "--rounds", "1", "--scale", "0.001", "--json", str(out)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))["workloads"]
    assert set(found) == set(names.split(","))
    unmeasured = {
        name: row["peers"][OURS]["reason"]
        for name, row in found.items()
        if len(row["peers"][OURS]["samples"]) != 1
    }
    assert unmeasured == {}


def test_a_target_that_was_not_measured_is_never_reported_as_reached() -> None:
    done = _run("--only", "sleep0", "--peers", OURS, "--rounds", "1", "--scale", "0.001", "--check")
    assert done.returncode == 3
    assert "not measured" in done.stdout
    assert "gevent was not asked" in done.stdout
    assert "reached" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--only", "nonsense"], ["--peers", "nobody"], ["--rounds", "0"], ["--scale", "-1"]],
)
def test_bad_arguments_are_refused_before_anything_runs(arguments: list[str]) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert "error: argument" in done.stderr


def test_the_page_shows_the_recorded_figures() -> None:
    done = subprocess.run(
        [sys.executable, str(_ROOT / "docs" / "render_benchmarks.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_tables_agree_with_each_other() -> None:
    names = {peer.name for peer in PEERS}
    assert len(BY_NAME) == len(WORKLOADS)
    for row in WORKLOADS:
        assert set(row.peers) <= names
        assert row.baseline in row.peers
        assert set(row.fewer) <= set(row.peers)
    for target in TARGETS:
        row = BY_NAME[target.workload]
        assert OURS in row.peers
        assert target.versus is None or target.versus in row.peers
