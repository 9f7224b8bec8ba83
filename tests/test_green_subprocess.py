"""``subprocess`` patched: the stdlib's own Popen parks. Each test in a new interpreter."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import greenbridge
from greenbridge.testing import assert_no_leaks, heartbeat

from .fresh import in_fresh_python
from .green import LONG, SHORT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not patched there")

#: More than a pipe holds.
BIG = b"x" * 300_000
#: Seconds that the loop may stand still on a busy machine; starting a process takes milliseconds.
GAP = 0.5


def loops() -> list[Any]:
    import uvloop

    return [uvloop.new_event_loop, asyncio.new_event_loop]


def on_each_loop(body: Any) -> None:
    greenbridge.patch_all()
    for factory in loops():
        greenbridge.run(body, loop_factory=factory)
        greenbridge.run(lambda: greenbridge.spawn(body).get(), loop_factory=factory)


@in_fresh_python
def test_run_and_its_kind() -> None:
    def body() -> None:
        with heartbeat() as beat:
            done = subprocess.run(["cat"], input=BIG, stdout=subprocess.PIPE, check=True)
            assert done.stdout == BIG
            assert subprocess.check_output("echo out; echo err >&2", shell=True, stderr=-2) == (
                b"out\nerr\n"
            )
            assert subprocess.call(["sh", "-c", "exit 3"]) == 3
            assert subprocess.getoutput("sleep 0.05; echo text") == "text"
            with pytest.raises(subprocess.CalledProcessError):
                subprocess.check_call(["false"])
            with pytest.raises(FileNotFoundError):
                subprocess.run(["/does/not/exist"], check=True)
            pipe = os.popen("sleep 0.05; echo text; exit 2")
            assert pipe.read() == "text\n"
            assert pipe.close() == 2 << 8
            with os.popen("cat >/dev/null; sleep 0.01", "w") as pipe:
                pipe.write("x" * 200_000)
        beat.check(GAP)

    on_each_loop(body)


@in_fresh_python
def test_a_timeout_ends_the_run_although_a_grandchild_holds_the_pipe() -> None:
    def body() -> None:
        began = time.monotonic()
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            subprocess.run("sleep 30; true", shell=True, timeout=0.1, capture_output=True)
        assert caught.value.timeout == 0.1
        assert time.monotonic() - began < 20

    on_each_loop(body)


@in_fresh_python
def test_many_at_once() -> None:
    def body() -> None:
        def one(number: int) -> bytes:
            return subprocess.check_output(f"sleep 0.2; echo {number}", shell=True)

        threads = [greenbridge.spawn(one, n) for n in range(20)]
        assert [t.get(timeout=LONG) for t in threads] == [b"%d\n" % n for n in range(20)]

    on_each_loop(body)


@in_fresh_python
def test_a_pipe_is_read_as_it_is_written() -> None:
    def body() -> None:
        shell = "for i in 1 2 3; do read line; echo got $line; done; exit 4"
        process = subprocess.Popen(
            ["sh", "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process, heartbeat() as beat:
            assert process.stdin is not None
            assert process.stdout is not None
            for word in ("a", "b", "c"):
                thread = greenbridge.spawn(process.stdout.readline)
                greenbridge.sleep(SHORT)
                process.stdin.write(word + "\n")
                process.stdin.flush()
                assert thread.get(timeout=LONG) == f"got {word}\n"
            assert process.stdout.read() == ""
        assert beat.beats
        assert process.returncode == 4

    on_each_loop(body)


@in_fresh_python
def test_the_files_are_those_of_io() -> None:
    def body() -> None:
        pipes: dict[str, Any] = {"stdin": -1, "stdout": -1, "stderr": -1}
        with subprocess.Popen(["cat"], **pipes) as process:
            assert isinstance(process.stdin, io.BufferedWriter)
            assert isinstance(process.stdout, io.BufferedReader)
            assert isinstance(process.stdout.raw, io.FileIO)
        with subprocess.Popen(["cat"], **pipes, bufsize=0) as process:
            assert isinstance(process.stdin, io.FileIO)
            assert isinstance(process.stdout, io.FileIO)
            process.stdin.write(b"abc")
            assert process.stdout.read(10) == b"abc"
            process.stdin.write(b"def")
            process.stdin.close()
            assert process.stdout.readall() == b"def"
        with subprocess.Popen(["cat"], **pipes, encoding="utf-8", bufsize=1) as process:
            assert isinstance(process.stdout, io.TextIOWrapper)
            assert isinstance(process.stdin, io.TextIOWrapper)
            assert process.stdin.line_buffering
            assert process.stdout.encoding == "utf-8"

    on_each_loop(body)


@in_fresh_python
def test_two_threads_share_a_buffered_file() -> None:
    def body() -> None:
        with subprocess.Popen(["cat"], stdin=-1, stdout=-1) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            readers = [greenbridge.spawn(process.stdout.read, 150_000) for _ in range(2)]
            greenbridge.sleep(SHORT)
            writers = [greenbridge.spawn(process.stdin.write, BIG[:150_000]) for _ in range(2)]
            greenbridge.joinall(writers, timeout=LONG)
            process.stdin.close()
            assert b"".join(t.get(timeout=LONG) for t in readers) == BIG

    on_each_loop(body)


@in_fresh_python
def test_one_process_is_waited_for_by_many() -> None:
    def body() -> None:
        with subprocess.Popen(["sh", "-c", "read x; exit 5"], stdin=subprocess.PIPE) as process:
            threads = [greenbridge.spawn(process.wait) for _ in range(3)]
            threads.append(greenbridge.spawn(process.wait, 60))
            greenbridge.sleep(SHORT)
            assert process.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
            native = threading.Thread(target=process.wait)
            native.start()
            assert process.stdin is not None
            process.stdin.close()
            assert [t.get(timeout=LONG) for t in threads] == [5, 5, 5, 5]
            greenbridge.offload(native.join)
        assert process.wait() == 5

    greenbridge.patch_all(only={"os", "subprocess"})  # so that Thread is a native one
    for factory in loops():
        greenbridge.run(body, loop_factory=factory)


@in_fresh_python
def test_a_wait_that_is_ended_leaves_the_process_alone() -> None:
    def body() -> None:
        with assert_no_leaks():
            with subprocess.Popen(["cat"], stdin=-1, stdout=-1) as process:
                threads = [
                    greenbridge.spawn(process.wait),
                    greenbridge.spawn(process.stdout.read),  # type: ignore[union-attr]
                ]
                greenbridge.sleep(SHORT)
                greenbridge.killall(threads)
                out, _ = process.communicate(b"text")
                assert out == b"text"
            assert process.returncode == 0
            del process, threads

    on_each_loop(body)


@in_fresh_python
def test_earlier_classes_objects_and_subclasses_wait_greenly() -> None:
    class Own(subprocess.Popen[bytes]):
        pass

    earlier = subprocess.Popen(["sleep", "0.1"])

    def body() -> None:
        with heartbeat() as beat, Own(["sleep", "0.1"]) as process:
            assert process.wait() == 0
            assert earlier.wait() == 0
        assert beat.beats > 2

    on_each_loop(body)
    assert type(earlier) is subprocess.Popen


@in_fresh_python
def test_handlers_and_the_processes_of_asyncio_and_uvloop_are_left_alone() -> None:
    heard: list[int] = []

    async def theirs() -> int:
        process = await asyncio.create_subprocess_exec("sh", "-c", "read x; exit 6", stdin=-1)
        ours = greenbridge.spawn(subprocess.call, ["sh", "-c", "exit 7"])
        assert await ours == 7
        await process.communicate(b"line\n")
        assert process.returncode is not None
        reader = await asyncio.create_subprocess_exec("echo", "text", stdout=-1)
        out, _ = await reader.communicate()
        assert out == b"text\n"
        return process.returncode

    def body() -> None:
        for _ in range(2):
            assert greenbridge.await_(theirs()) == 6
            assert subprocess.call(["sh", "-c", "exit 8"]) == 8

    def with_handler() -> None:
        signal.signal(signal.SIGCHLD, lambda signum, frame: heard.append(signum))
        assert subprocess.call(["sh", "-c", "exit 8"]) == 8
        assert heard

    greenbridge.patch_all()
    for factory in loops():
        greenbridge.run(with_handler, loop_factory=factory)
        heard.clear()
        greenbridge.run(body, loop_factory=factory)
        asyncio.run(theirs())
        assert signal.getsignal(signal.SIGCHLD) is not None


@in_fresh_python
def test_outside_green_code_the_original_waits() -> None:
    greenbridge.patch_all()
    done = subprocess.run(["cat"], input=BIG, stdout=subprocess.PIPE, check=True)
    assert done.stdout == BIG
    assert subprocess.call(["sh", "-c", "exit 3"]) == 3

    async def main() -> int:
        return await asyncio.to_thread(subprocess.call, ["sh", "-c", "exit 4"])

    for factory in loops():
        loop = factory()
        assert loop.run_until_complete(main()) == 4
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
