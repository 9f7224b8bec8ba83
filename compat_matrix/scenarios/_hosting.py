"""Server programs for scenarios, and a client for them: not the subject."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import greenbridge

ROOT = Path(__file__).resolve().parent.parent.parent
START = 30.0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def program(*arguments, **environment):
    """``python ARGUMENTS``, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def serving(*arguments, **environment):
    """As program(), with {port} filled in; the address when it answers."""
    port = free_port()
    with program(*(a.format(port=port) for a in arguments), **environment) as process:
        until = time.monotonic() + START
        while True:
            assert process.poll() is None, f"it ended with {process.returncode}"
            assert time.monotonic() < until, "it does not answer"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                greenbridge.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


def fetch(base, number):
    with urllib.request.urlopen(f"{base}/{number}", timeout=20) as answer:
        return int(answer.read())
