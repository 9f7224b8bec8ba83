"""``patch_all`` with the real tables, in every import order, and undone without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .fresh import in_fresh_python

if TYPE_CHECKING:
    from .conftest import FreshPython

# Modules that copy names of the patched ones, or build on them.
USERS = (
    "asyncio, concurrent.futures, ftplib, http.client, http.server, imaplib, logging.handlers, "
    "multiprocessing.connection, poplib, smtplib, socketserver, subprocess, urllib.request, "
    "wsgiref.simple_server, xmlrpc.client, anyio, requests"
)


def traces() -> dict[str, list[tuple[str, Any]]]:
    """The names and values of each patched module, and of each of their classes, in order."""
    import _thread
    import _threading_local
    import select
    import selectors
    import socket
    import ssl
    import threading
    import time

    found = {}
    for module in (_thread, _threading_local, select, selectors, socket, ssl, threading, time):
        found[module.__name__] = list(vars(module).items())
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__:
                found[f"{module.__name__}.{name}"] = list(vars(value).items())
    return found


@in_fresh_python
def test_undoing_leaves_no_trace() -> None:
    from greenbridge._patching import patch_all, patched, unpatch_all

    before = traces()
    for _ in range(2):
        with patch_all() as applied:
            assert all(r.is_in_place for r in patched())
            # Others are applied when their module is imported.
            at_once = {"dns", "os", "select", "selectors", "signal", "socket", "ssl", "time"}
            assert {r.patch for r in applied.records} >= at_once
            assert traces() != before
            assert patch_all().records == ()
        assert traces() == before
    patch_all(only={"ssl", "dns"})
    patch_all(exclude={"select"})
    unpatch_all()
    assert traces() == before


@in_fresh_python
def test_names_choose_tables_and_parts() -> None:
    from greenbridge._patching import is_module_patched, is_object_patched, patch, patch_all

    with patch_all(exclude={"dns"}):
        assert is_object_patched("socket", "socket")
        assert not is_object_patched("socket", "getaddrinfo")
    with patch("dns") as applied:
        assert {r.patch for r in applied.records} == {"dns"}
        assert is_module_patched("socket")
        assert not is_object_patched("socket", "socket")
    with patch_all(only={"socket", "time"}, exclude={"dns", "threading"}) as applied:
        assert {r.patch for r in applied.records} == {"socket", "time"}
        assert not is_module_patched("ssl")
    with patch_all(only=()) as applied:
        assert applied.records == ()


@in_fresh_python
def test_auto_patches_and_its_token_undoes_it() -> None:
    before = traces()
    import greenbridge.auto
    from greenbridge._patching import is_module_patched

    assert all(map(is_module_patched, ("select", "selectors", "socket", "ssl", "time")))
    greenbridge.auto.APPLIED.restore()
    assert traces() == before


@pytest.mark.parametrize("order", ["first", "last"])
def test_any_import_order(fresh_python: FreshPython, order: str) -> None:
    """Nobody else in the standard library is left with an original that blocks."""
    patch, users = "import greenbridge.auto", f"import {USERS}"
    fresh_python(
        "import warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        f"{patch if order == 'first' else users}\n"
        f"{users if order == 'first' else patch}\n"
        "from greenbridge._patch_report import stale\n"
        "assert not stale(), [str(s) for s in stale()]\n"
    )


@in_fresh_python
def test_what_existed_before_patching_goes_on_working() -> None:
    """A listener, a context, a selector and copied functions from before, used after."""
    import selectors
    import socket
    import ssl
    from socket import create_connection, socketpair

    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.create_default_context()
    selector = selectors.DefaultSelector()
    old_class = socket.socket

    import greenbridge.auto

    assert greenbridge.auto.APPLIED.records
    green = socket.socket
    assert green is not old_class
    client = create_connection(listener.getsockname())
    peer, _ = listener.accept()
    a, b = socketpair()
    for made in (client, peer, a, b):
        assert isinstance(made, green)
    selector.register(b, selectors.EVENT_READ)
    a.sendall(b"x")
    assert [key.fileobj for key, _ in selector.select(5)] == [b]
    assert context.verify_mode is ssl.CERT_REQUIRED
    context.verify_mode = context.verify_mode
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    for end in (listener, client, peer, a, b, selector):
        end.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_loops_and_threads_work_on_a_patched_library(fresh_python: FreshPython, when: str) -> None:
    """Stock asyncio, its executor and uvloop: their own calls fall through to the originals."""
    fresh_python(
        f"""
import sys
if {when == "before"!r} == "True":
    import greenbridge.auto
import asyncio, socket, threading, time
import greenbridge.auto

async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port, family=socket.AF_INET)
    assert await reader.read() == b""
    writer.close()
    server.close()
    assert await loop.run_in_executor(None, lambda: time.sleep(0.01) or 7) == 7
    assert await loop.getaddrinfo("127.0.0.1", 80)
    assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()

asyncio.run(main())
if sys.platform != "win32":
    import uvloop
    loop = uvloop.new_event_loop()
    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
worker = threading.Thread(target=lambda: asyncio.run(main()))
worker.start()
worker.join()
"""
    )


def test_patching_while_threads_block_in_originals(fresh_python: FreshPython) -> None:
    """A thread that waits in an original is not disturbed, nor one that starts later."""
    fresh_python(
        """
import select, socket, threading, time
a, b = socket.socketpair()
got = []
def wait(receive):
    got.append(receive())
early = [
    threading.Thread(target=wait, args=(lambda: b.recv(1),), daemon=True),
    threading.Thread(target=wait, args=(lambda: select.select([], [], [], 0.05),)),
]
for thread in early:
    thread.start()
time.sleep(0.02)
import greenbridge.auto
late = threading.Thread(target=wait, args=(lambda: time.sleep(0.01),))
late.start()
a.sendall(b"x")
for thread in (*early, late):
    thread.join()
assert sorted(map(repr, got)) == ["([], [], [])", "None", "b'x'"], got
a.close()
b.close()
"""
    )


def test_patching_does_not_start_a_loop(fresh_python: FreshPython) -> None:
    fresh_python(
        "import asyncio\n"
        "def refuse(*args): raise AssertionError('a loop was made')\n"
        "asyncio.new_event_loop = asyncio.SelectorEventLoop.__init__ = refuse\n"
        "import greenbridge.auto\n"
    )


def test_after_gevent_it_refuses(fresh_python: FreshPython) -> None:
    pytest.importorskip("gevent", reason="only where the bench extra is installed")
    done = fresh_python(
        "from gevent import monkey\n"
        "monkey.patch_all()\n"
        "import time\n"
        "theirs = time.sleep\n"
        "from greenbridge._errors import PatchConflictError\n"
        "from greenbridge._patching import patch_all\n"
        "try:\n"
        "    patch_all()\n"
        "except PatchConflictError as error:\n"
        "    print(error)\n"
        "assert time.sleep is theirs\n",
        options=("-W", "ignore"),
    )
    assert "gevent has patched it already" in done.stdout
