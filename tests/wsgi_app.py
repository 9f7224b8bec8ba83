"""A WSGI application whose paths each show one thing that a server has to do right."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    StartResponse = Callable[..., Any]

#: What handlers that have ended left a note of.
NOTES: list[str] = []
#: How many handlers are inside `gate`, and names that `open` was asked for.
STATE: dict[str, Any] = {"inside": 0, "most": 0, "open": set()}

TEXT = [("Content-Type", "text/plain")]


class Closing:
    """An iterable that notes when the server closes it."""

    def __init__(self, parts: Generator[bytes, None, None], name: str) -> None:
        self._parts = parts
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._parts)

    def close(self) -> None:
        self._parts.close()
        NOTES.append(f"closed {self._name}")


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    name = environ["PATH_INFO"].strip("/").replace("-", "_") or "hello"
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    handler: Callable[..., Iterable[bytes]] = globals()[f"do_{name}"]
    return handler(environ, start_response, **query)


def answer(start_response: StartResponse, body: bytes) -> list[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def do_hello(environ: Any, start: Any) -> Any:
    return answer(start, b"Hello, World!")


def do_pid(environ: Any, start: Any) -> Any:
    return answer(start, str(os.getpid()).encode())


def do_environ(environ: Any, start: Any, **query: str) -> Any:
    """Show the environment: strings as they are, the rest by type."""
    shown = {
        key: value if isinstance(value, (str, int, bool)) else type(value).__name__
        for key, value in environ.items()
    }
    return answer(start, json.dumps(shown).encode())


def do_where(environ: Any, start: Any) -> Any:
    """Show what the handler runs in."""
    import asyncio

    import greenbridge

    hub: Any = greenbridge._hubs.current_hub()
    try:
        visible = bool(asyncio.get_running_loop())
    except RuntimeError:
        visible = False
    shown = {
        "green": greenbridge.is_green(),
        "loop": type(hub.loop).__module__,
        "visible": visible,
        "patched": sorted({record.module for record in greenbridge.patched()}),
        "thread": threading.current_thread() is threading.main_thread(),
    }
    return answer(start, json.dumps(shown).encode())


def do_gate(environ: Any, start: Any, count: str = "1") -> Any:
    """Wait until *count* requests are here at once."""
    STATE["inside"] += 1
    STATE["most"] = max(STATE["most"], STATE["inside"])
    while STATE["most"] < int(count):
        time.sleep(0.005)
    STATE["inside"] -= 1
    return answer(start, str(STATE["most"]).encode())


def do_wait(environ: Any, start: Any, name: str) -> Any:
    """Wait until somebody asks for `open` with this *name*; note an early end."""
    try:
        while name not in STATE["open"]:
            time.sleep(0.005)
    except BaseException as error:
        NOTES.append(f"{name} ended by {type(error).__name__}")
        raise
    return answer(start, name.encode())


def do_open(environ: Any, start: Any, name: str) -> Any:
    STATE["open"].add(name)
    return answer(start, b"")


def do_notes(environ: Any, start: Any) -> Any:
    return answer(start, json.dumps(NOTES).encode())


def do_sleep(environ: Any, start: Any, s: str) -> Any:
    time.sleep(float(s))
    return answer(start, b"slept")


def do_spin(environ: Any, start: Any) -> Any:
    """Compute for ever, without giving anybody a turn."""
    while True:
        pass


def do_doze(environ: Any, start: Any, s: str) -> Any:
    """As `sleep`, and says in the log that it begins."""
    print("dozing", file=environ["wsgi.errors"])
    time.sleep(float(s))
    return answer(start, b"slept")


def do_figures(environ: Any, start: Any) -> Any:
    """What the process has: descriptors, green threads, memory."""
    from greenbridge.testing import statistics

    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[1])
    shown = {
        "pid": os.getpid(),
        "fds": len(os.listdir("/proc/self/fd")),
        "green": statistics()["threads"],
        "mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }
    return answer(start, json.dumps(shown).encode())


def do_echo(environ: Any, start: Any) -> Any:
    return answer(start, environ["wsgi.input"].read())


def do_echo_lines(environ: Any, start: Any) -> Any:
    return answer(start, b"|".join(environ["wsgi.input"]))


def do_ignore(environ: Any, start: Any) -> Any:
    """Answer without having read the body."""
    return answer(start, b"ignored")


def do_stream(environ: Any, start: Any, name: str, length: str = "") -> Any:
    """Send a part, wait until somebody opens *name*, send another."""

    def parts() -> Generator[bytes, None, None]:
        yield b"first"
        try:
            while name not in STATE["open"]:
                time.sleep(0.005)
        except BaseException as error:
            NOTES.append(f"{name} ended by {type(error).__name__}")
            raise
        yield b""
        yield b"second"

    start("200 OK", [*TEXT, *([("Content-Length", length)] if length else [])])
    return Closing(parts(), name)


def do_endless(environ: Any, start: Any, name: str) -> Any:
    """Send for ever."""

    def parts() -> Generator[bytes, None, None]:
        try:
            while True:
                yield bytes(10_000)
        except BaseException as error:
            NOTES.append(f"{name} ended by {type(error).__name__}")
            raise

    start("200 OK", TEXT)
    return Closing(parts(), name)


def do_large(environ: Any, start: Any, size: str) -> Any:
    return answer(start, bytes(int(size)))


def do_write(environ: Any, start: Any) -> Any:
    """The old way of PEP 3333: the function that start_response returns."""
    write = start("200 OK", TEXT)
    write(b"one ")
    write(b"two ")
    return [b"three"]


def do_file(environ: Any, start: Any, kind: str = "disk") -> Any:
    file: Any = open(__file__, "rb")  # noqa: SIM115  # the server closes it
    if kind == "memory":
        with file:
            file = io.BytesIO(file.read())
    elif kind == "part":
        file.seek(100)
    start("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](file, 1000)


def do_no_content(environ: Any, start: Any) -> Any:
    start("204 No Content", [])
    return []


def do_fail(environ: Any, start: Any) -> Any:
    raise ZeroDivisionError("in the application")


def do_fail_os(environ: Any, start: Any) -> Any:
    raise FileNotFoundError("in the application")


def do_exit(environ: Any, start: Any) -> Any:
    sys.exit("in the application")


def do_fail_late(environ: Any, start: Any) -> Any:
    def parts() -> Generator[bytes, None, None]:
        yield b"part"
        raise ZeroDivisionError("in the application")

    start("200 OK", TEXT)
    return parts()


def do_replace(environ: Any, start: Any) -> Any:
    """Replace the head of the answer, as an error page does."""
    start("200 OK", TEXT)
    try:
        raise ValueError("caught")
    except ValueError:
        start("500 Internal Server Error", TEXT, sys.exc_info())
    return [b"replaced"]


def do_twice(environ: Any, start: Any) -> Any:
    start("200 OK", TEXT)
    start("200 OK", TEXT)
    return []


def do_bad_header(environ: Any, start: Any) -> Any:
    start("200 OK", [("X-Bad", "a\r\nSet-Cookie: b")])
    return []


def do_hints(environ: Any, start: Any) -> Any:
    environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
    return answer(start, b"hinted")


def do_log(environ: Any, start: Any) -> Any:
    print("to the error log", file=environ["wsgi.errors"])
    return answer(start, b"")
