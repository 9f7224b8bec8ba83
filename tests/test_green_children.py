"""Waiting for child processes: nobody else's is taken, and no handler is touched."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import _children
from greenbridge.green import fcntl as green_fcntl
from greenbridge.green import os as green_os
from greenbridge.testing import assert_no_leaks, assert_switches

from .green import LONG, SHORT, in_green
from .os_worlds import box as box  # a fixture
from .os_worlds import world as world  # a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from .os_worlds import OsWorld

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such children")


class Child:
    """A process that ends with status *code* when it is told to."""

    def __init__(self, code: int = 0) -> None:
        reader, self._end = os.pipe()
        self.pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", f"read line; exit {code}"],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)],
        )
        os.close(reader)

    def end(self) -> None:
        os.close(self._end)


def status(code: int) -> int:
    return code << 8


@pytest.mark.parametrize("how", ["waitpid", "waitpid any", "wait", "wait3", "wait4", "waitid"])
def test_each_way_to_wait(box: OsWorld, how: str) -> None:
    def body() -> None:
        child = Child(3)
        waits = {
            "waitpid": lambda: box.waitpid(child.pid, 0),
            "waitpid any": lambda: box.waitpid(-1, 0),
            "wait": box.wait,
            "wait3": lambda: box.wait3(0)[:2],
            "wait4": lambda: box.wait4(child.pid, 0)[:2],
            "waitid": lambda: _as_pair(box.waitid(os.P_PID, child.pid, os.WEXITED)),
        }
        peer = box.start(waits[how])
        box.pause()
        child.end()
        assert peer.result() == (child.pid, status(3))
        with pytest.raises(ChildProcessError):
            box.waitpid(child.pid, 0)

    box.run(body)


def _as_pair(found: Any) -> tuple[int, int]:
    assert found.si_code == os.CLD_EXITED
    return found.si_pid, status(found.si_status)


def test_a_child_that_has_ended_is_there_at_once(box: OsWorld) -> None:
    def body() -> None:
        child = Child(4)
        assert box.waitpid(child.pid, os.WNOHANG) == (0, 0)
        child.end()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert box.waitpid(child.pid, os.WNOHANG) == (child.pid, status(4))

    box.run(body)


def test_looking_does_not_take(box: OsWorld) -> None:
    def body() -> None:
        child = Child(5)
        peer = box.start(box.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        box.pause()
        child.end()
        assert peer.result().si_status == 5
        assert box.waitpid(child.pid, 0) == (child.pid, status(5))

    box.run(body)


def test_a_child_that_stops(box: OsWorld) -> None:
    def body() -> None:
        child = Child()
        peer = box.start(box.waitpid, child.pid, os.WUNTRACED)
        box.pause()
        os.kill(child.pid, signal.SIGSTOP)
        assert os.WIFSTOPPED(peer.result()[1])
        os.kill(child.pid, signal.SIGCONT)
        child.end()
        assert box.waitpid(child.pid, 0) == (child.pid, 0)

    box.run(body)


@pytest.mark.skipif(not hasattr(os, "P_PIDFD"), reason="Linux only")
def test_a_pidfd(box: OsWorld) -> None:
    def body() -> None:
        child = Child(6)
        pidfd = box.keep(os.pidfd_open(child.pid))
        peer = box.start(box.waitid, os.P_PIDFD, pidfd, os.WEXITED)
        box.pause()
        child.end()
        assert peer.result().si_status == 6
        with pytest.raises(ChildProcessError):
            box.waitid(os.P_PIDFD, pidfd, os.WEXITED)

    box.run(body)


def test_several_who_wait_each_get_their_own(box: OsWorld) -> None:
    def body() -> None:
        children = [Child(n) for n in range(4)]
        peers = [box.start(box.waitpid, child.pid, 0) for child in children]
        box.pause()
        for child in reversed(children):
            child.end()
        assert [peer.result() for peer in peers] == [
            (child.pid, status(n)) for n, child in enumerate(children)
        ]

    box.run(body)


def test_a_command_in_a_shell(box: OsWorld) -> None:
    def body() -> None:
        assert box.system("exit 7") == status(7)

    box.run(body)


@in_green
def test_others_run_meanwhile() -> None:
    child = Child()
    threads = [
        greenbridge.spawn(green_os.waitpid, child.pid, 0),
        greenbridge.spawn(green_os.system, "true"),
    ]
    with assert_switches():
        greenbridge.sleep(SHORT)
    child.end()
    for thread in threads:
        thread.join(LONG)
        assert thread.successful()


@pytest.mark.parametrize("pid", ["one", "any"])
@in_green
def test_a_wait_that_is_ended_takes_nothing(pid: str) -> None:
    with assert_no_leaks():
        child = Child(8)
        thread = greenbridge.spawn(green_os.waitpid, child.pid if pid == "one" else -1, 0)
        greenbridge.sleep(SHORT)
        thread.kill()
        child.end()
        assert green_os.waitpid(child.pid, 0) == (child.pid, status(8))


@in_green
def test_without_pidfds_it_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in (None, lambda pid: os.open("/does/not/exist", 0)):
        monkeypatch.setattr(_children, "_pidfd_open", broken)
        child = Child(9)
        thread = greenbridge.spawn(green_os.waitpid, child.pid, 0)
        greenbridge.sleep(SHORT)
        child.end()
        assert thread.get(timeout=LONG) == (child.pid, status(9))


@in_green
def test_ignored_children_are_no_error() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        child = Child()
        thread = greenbridge.spawn(green_os.waitpid, child.pid, 0)
        greenbridge.sleep(SHORT)
        child.end()
        with pytest.raises(ChildProcessError):  # as the original, which waits for the end as well
            thread.get(timeout=LONG)
    finally:
        signal.signal(signal.SIGCHLD, before)


@in_green
def test_a_handler_of_the_users_is_called() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda signum, frame: heard.append(signum))
    try:
        child = Child()
        thread = greenbridge.spawn(green_os.waitpid, child.pid, 0)
        greenbridge.sleep(SHORT)
        child.end()
        assert thread.get(timeout=LONG) == (child.pid, 0)
        assert heard == [signal.SIGCHLD]
    finally:
        signal.signal(signal.SIGCHLD, before)


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
getattr(fcntl, sys.argv[2])(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["os.lockf", "flock", "lockf", "fcntl"])
def test_a_lock_of_another_process(box: OsWorld, how: str, tmp_path: Path) -> None:
    module: Any = fcntl if box.original else green_fcntl
    now = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)

    def lock(file: Any, wait: bool) -> Any:
        if how == "os.lockf":
            return box.lockf(file.fileno(), os.F_LOCK if wait else os.F_TLOCK, 0)
        if how == "fcntl":
            return module.fcntl(file, fcntl.F_SETLKW if wait else fcntl.F_SETLK, now)
        return getattr(module, how)(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def body() -> None:
        path = tmp_path / "locked"
        theirs = "flock" if how == "flock" else "lockf"
        command = [sys.executable, "-c", HOLDER, str(path), theirs]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"locked\n"
            with path.open("w") as file:
                with pytest.raises(BlockingIOError):
                    lock(file, wait=False)
                peer = box.start(lock, file, True)
                box.pause()
                holder.stdin.close()
                assert peer.result() in (None, now)
                if how == "flock":
                    module.flock(file, fcntl.LOCK_UN)

    box.run(body)


@in_green
def test_who_waited_for_a_lock_and_was_killed_does_not_get_it(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    with path.open("w") as first, path.open("w") as second, path.open("w") as third:
        green_fcntl.flock(first, fcntl.LOCK_EX)
        waiting = greenbridge.spawn(green_fcntl.flock, second, fcntl.LOCK_EX)
        with assert_switches():
            greenbridge.sleep(SHORT)
        waiting.kill()
        green_fcntl.flock(first, fcntl.LOCK_UN)
        green_fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_wrong_arguments_of_locks_are_refused_in_the_same_way(box: OsWorld) -> None:
    module: Any = fcntl if box.original else green_fcntl

    def body() -> None:
        for name, args in (
            ("flock", (-1, fcntl.LOCK_EX)),
            ("flock", (10**6, fcntl.LOCK_EX)),
            ("flock", ("x", fcntl.LOCK_EX)),
            ("lockf", (10**6, fcntl.LOCK_EX)),
            ("lockf", (0, 0)),
            ("fcntl", (10**6, fcntl.F_SETLKW, b"x" * 32)),
        ):
            with pytest.raises((OSError, ValueError, TypeError)) as expected:
                getattr(fcntl, name)(*args)
            with pytest.raises(expected.type) as found:
                getattr(module, name)(*args)
            assert str(found.value) == str(expected.value)

    box.run(body)
