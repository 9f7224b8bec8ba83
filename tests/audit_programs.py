"""Programs that hold their event loop up, each in its own way, and some that do not."""

from __future__ import annotations

import re
from typing import Final

#: One green thread after another, each named for what it does, beside one that only sleeps.
HOLDS = """
import ctypes, hashlib, os, re, sqlite3, subprocess, time
import greenbridge

pause = greenbridge.original("time", "sleep")
libc = ctypes.CDLL(None)
ROUNDS = LETTERS = 0

def calibrate():                         # alone in the process: nobody is held up
    global ROUNDS, LETTERS
    began = time.thread_time()
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 100_000)
    ROUNDS = int(100_000 * 1.2 / (time.thread_time() - began))
    LETTERS, took = 16, 0.0
    while took < 0.5:
        LETTERS += 1
        began = time.thread_time()
        re.match("(a+)+$", "a" * LETTERS + "b")
        took = time.thread_time() - began

def derive():
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", ROUNDS)

def in_c():
    libc.usleep(1_000_000)

def old_name():
    pause(1)

def locked():
    mine = sqlite3.connect("held.db", timeout=1.2)
    try:
        mine.execute("INSERT INTO t VALUES (1)")
    except sqlite3.OperationalError:
        pass
    mine.close()

def matches():
    re.match("(a+)+$", "a" * LETTERS + "b")

def computes():
    until = time.thread_time() + 1.2
    number = 0
    while time.thread_time() < until:
        number += 1

def fifo():
    writer = subprocess.Popen(["sh", "-c", "sleep 1; : > fifo"])
    with open("fifo") as file:
        file.read()
    writer.wait()

def pipe():                              # does not block: it parks
    reading, writing = os.pipe()
    greenbridge.spawn_later(1, os.write, writing, b"x")
    os.read(reading, 1)

def naps():                              # neither does this
    time.sleep(1)

def main():
    calibrate()
    os.mkfifo("fifo")
    holder = sqlite3.connect("held.db", isolation_level=None)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN EXCLUSIVE")
    beside = greenbridge.spawn(time.sleep, 1000)
    for work in (derive, in_c, old_name, locked, matches, computes, fifo, pipe, naps):
        thread = greenbridge.spawn(work)
        thread.name = work.__name__
        thread.join()
        time.sleep(0.1)
    beside.kill()

main()
"""
# Python 3.15 has given it another name.
_MATCH: Final = f"re.{re.match.__name__}"
#: Function, kind, what is named, a part of the line to write.
EXPECTED: Final = (
    ("derive", "computation", "hashlib.pbkdf2_hmac", "greenbridge.offload(hashlib.pbkdf2_hmac, "),
    ("in_c", "call", "ctypes.CDLL.usleep", "greenbridge.offload(libc.usleep, 1000000)"),
    ("old_name", "call", "time.sleep", "import greenbridge.auto  # above the import that binds"),
    ("locked", "call", "sqlite3.Connection.execute", "greenbridge.patch('sqlite3')"),
    ("matches", "computation", _MATCH, "make the pattern unambiguous"),
    ("computes", "computation", "computes()", "greenbridge.sleep(0)"),
    ("fifo", "call", "open", "greenbridge.offload(open, 'fifo')"),
)

#: A hundred green threads that behave, on a machine and in a process that do not.
LOADED = """
import asyncio, os, socket, subprocess, sys, threading, time
import greenbridge

native_thread = greenbridge.original("_thread", "start_new_thread")
over = False

def spins():                             # a real OS thread that wants the GIL
    while not over:
        pass

def steps(number):
    until = time.monotonic() + 4
    a, b = socket.socketpair()
    while time.monotonic() < until:
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass
        a.send(b"x")
        b.recv(1)
        time.sleep(0.001 * (number % 7))

rivals = [
    subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count())
]
try:
    for _ in range(2):
        native_thread(spins, ())
    threads = [greenbridge.spawn(steps, n) for n in range(100)]
    for thread in threads:
        thread.join()
finally:
    over = True
    for rival in rivals:
        rival.kill()
        rival.wait()
"""
