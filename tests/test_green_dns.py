"""Name look-ups: libc's answers, without holding up the loop and without a needless thread."""

from __future__ import annotations

import inspect
import socket as stdlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import dns
from greenbridge.green import socket as green
from greenbridge.green._hosts import LocalHosts, files_first, parse

from .conftest import LOOPS
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .worlds import World

NAMES = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")

#: A name that libc refuses without asking anybody.
NOWHERE = b"a" * 70

#: Calls that need no network: (function, arguments).
CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("getaddrinfo", ("127.0.0.1", 80)),
    ("getaddrinfo", ("127.0.0.1", "80", stdlib.AF_INET, stdlib.SOCK_STREAM)),
    ("getaddrinfo", (b"127.0.0.1", b"80")),
    ("getaddrinfo", ("::1", None)),
    ("getaddrinfo", ("127.1", 80)),
    ("getaddrinfo", ("0x7f000001", 80)),
    ("getaddrinfo", ("127.0.0.1", 80, stdlib.AF_INET6)),
    ("getaddrinfo", ("::1", 80, stdlib.AF_INET)),
    ("getaddrinfo", (None, 80)),
    ("getaddrinfo", (None, 80, 0, stdlib.SOCK_STREAM, 0, stdlib.AI_PASSIVE)),
    ("getaddrinfo", (None, None)),
    ("getaddrinfo", ("127.0.0.1", "http")),
    ("getaddrinfo", ("127.0.0.1", "no-such-service")),
    ("getaddrinfo", ("127.0.0.1", 80, 0, 0, 0, stdlib.AI_CANONNAME)),
    ("getaddrinfo", ("localhost", 80)),
    ("getaddrinfo", ("LOCALHOST", 80, stdlib.AF_INET)),
    ("getaddrinfo", ("localhost", 80, 0, stdlib.SOCK_STREAM, 0, stdlib.AI_CANONNAME)),
    ("getaddrinfo", ("localhost", 80, 0, 0, 0, stdlib.AI_NUMERICHOST)),
    ("getaddrinfo", ("1.2.3.4.5", 80, 0, 0, 0, stdlib.AI_NUMERICHOST)),
    ("getaddrinfo", (NOWHERE, 80)),
    ("getaddrinfo", (b"1." + NOWHERE, 80)),
    ("getaddrinfo", ("", 80)),
    ("getaddrinfo", ("a" * 64, 80)),
    ("getaddrinfo", ("nul\0byte", 80)),
    ("getaddrinfo", ("127.0.0.1", 80, -5)),
    ("getaddrinfo", ("127.0.0.1", 80, 0, 9999)),
    ("getaddrinfo", ("127.0.0.1", 1.5)),
    ("getaddrinfo", (5, 80)),
    ("getaddrinfo", ("127.0.0.1",)),
    ("gethostbyname", ("127.0.0.1",)),
    ("gethostbyname", ("localhost",)),
    ("gethostbyname", ("",)),
    ("gethostbyname", ("<broadcast>",)),
    ("gethostbyname", (NOWHERE,)),
    ("gethostbyname", (None,)),
    ("gethostbyname_ex", ("127.0.0.1",)),
    ("gethostbyname_ex", ("localhost",)),
    ("gethostbyname_ex", (NOWHERE,)),
    ("gethostbyaddr", ("127.0.0.1",)),
    ("gethostbyaddr", ("localhost",)),
    ("gethostbyaddr", (NOWHERE,)),
    ("gethostbyaddr", (7,)),
    ("getnameinfo", (("127.0.0.1", 80), 0)),
    ("getnameinfo", (("127.0.0.1", 80), stdlib.NI_NUMERICHOST | stdlib.NI_NUMERICSERV)),
    ("getnameinfo", (("127.0.0.1", 80), stdlib.NI_NUMERICSERV)),
    ("getnameinfo", (("::1", 80, 0, 0), stdlib.NI_NUMERICHOST | stdlib.NI_NUMERICSERV)),
    ("getnameinfo", (("localhost", 80), stdlib.NI_NUMERICHOST | stdlib.NI_NUMERICSERV)),
    ("getnameinfo", (("127.0.0.1", "80"), 0)),
    ("getnameinfo", ((), 0)),
    ("getnameinfo", (None, 0)),
    ("getnameinfo", (("127.0.0.1", 80), "x")),
    ("getfqdn", ("127.0.0.1",)),
    ("getfqdn", (NOWHERE,)),
    ("getfqdn", ()),
]


def outcome(call: Any, *args: Any) -> Any:
    try:
        return call(*args)
    except Exception as error:
        return type(error), error.args if isinstance(error, OSError) else str(error)


@pytest.mark.parametrize(("name", "args"), CALLS, ids=lambda v: repr(v)[:50])
def test_results_and_errors_are_those_of_libc(
    world: World, name: str, args: tuple[Any, ...]
) -> None:
    expected = outcome(getattr(stdlib, name), *args)
    function = getattr(stdlib if world.original else green, name)
    assert world.run(lambda: outcome(function, *args)) == expected


def test_results_have_the_enums_of_the_stdlib() -> None:
    family, kind, *_ = greenbridge.run(lambda: green.getaddrinfo("localhost", 80)[0])
    assert isinstance(family, stdlib.AddressFamily)
    assert isinstance(kind, stdlib.SocketKind)
    assert green.getaddrinfo("127.0.0.1", 80) == green.getaddrinfo(
        host="127.0.0.1", port=80, family=0, type=0, proto=0, flags=0
    )


def test_signatures_are_those_of_the_stdlib() -> None:
    for name in ("getaddrinfo", "getfqdn"):
        wanted = inspect.signature(getattr(stdlib, name)).parameters
        got = inspect.signature(getattr(green, name)).parameters
        assert [(p.name, p.default) for p in got.values()] == [
            (p.name, p.default) for p in wanted.values()
        ]


# -- which thread asks --------------------------------------------------------------------------


class Asked:
    """Takes the place of libc, and notes in which thread it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[int] = []
        self.release = threading.Event()
        self.release.set()
        for name in NAMES:
            self._watch(monkeypatch, f"_{name}")

    def _watch(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        original: Callable[..., Any] = getattr(dns, name)

        def call(*args: Any) -> Any:
            self.threads.append(threading.get_ident())
            if threading.current_thread() is threading.main_thread():
                return original(*args)
            assert self.release.wait(20)
            raise stdlib.gaierror(stdlib.EAI_NONAME, "no network in tests")

        monkeypatch.setattr(dns, name, call)

    def here(self) -> bool:
        """Whether libc was last asked in this thread."""
        return self.threads[-1] == threading.get_ident()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A hosts file that our code believes to be libc's."""
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost known\n::1 six\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    local = LocalHosts(str(path), str(tmp_path / "nsswitch.conf"), str(tmp_path / "nscd"), every=0)
    local._glibc = True
    monkeypatch.setattr(dns, "_hosts", local)
    return path


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.usefixtures("hosts")
def test_what_cannot_block_is_asked_without_a_thread(asked: Asked, loop: str) -> None:
    def main() -> None:
        for call in (
            lambda: green.getaddrinfo("127.0.0.1", 80),
            lambda: green.getaddrinfo("::1", "80"),
            lambda: green.getaddrinfo(None, 0),
            lambda: green.getaddrinfo("localhost", 80),
            lambda: green.getaddrinfo("Known", 80, stdlib.AF_INET, 0, 0, stdlib.AI_PASSIVE),
            lambda: green.gethostbyname("10.0.0.1"),
            lambda: green.gethostbyname("localhost"),
            lambda: green.gethostbyname_ex("localhost"),
            lambda: green.gethostbyaddr("127.0.0.1"),
            lambda: green.getnameinfo(("10.0.0.1", 80), 3),
            lambda: green.getnameinfo(("127.0.0.1", 80), stdlib.NI_NUMERICSERV),
        ):
            outcome(call)
            assert asked.here(), inspect.getsource(call)

    greenbridge.run(main, loop_factory=LOOPS[loop])


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.usefixtures("hosts")
def test_what_may_ask_the_network_is_asked_in_a_thread(asked: Asked, loop: str) -> None:
    def main() -> None:
        for call in (
            lambda: green.getaddrinfo("name.invalid", 80),
            lambda: green.getaddrinfo("127.0.0.1", "http"),
            lambda: green.getaddrinfo("localhost", 80, stdlib.AF_INET6),
            lambda: green.getaddrinfo("localhost.", 80),
            lambda: green.getaddrinfo("localhost", 80, 0, 0, 0, stdlib.AI_CANONNAME),
            lambda: green.getaddrinfo("", 80),
            lambda: green.gethostbyname("name.invalid"),
            lambda: green.gethostbyname("six"),
            lambda: green.gethostbyaddr("10.0.0.1"),
            lambda: green.gethostbyaddr("localhost"),
            lambda: green.getnameinfo(("10.0.0.1", 80), stdlib.NI_NUMERICSERV),
            lambda: green.getnameinfo(("127.0.0.1", 80), stdlib.NI_NUMERICHOST),
        ):
            outcome(call)
            assert not asked.here(), inspect.getsource(call)

    greenbridge.run(main, loop_factory=LOOPS[loop])


def test_outside_green_code_libc_is_asked_directly(asked: Asked) -> None:
    for name in (NOWHERE, "localhost", "127.0.0.1"):
        outcome(green.getaddrinfo, name, 80)
        assert asked.here()
        outcome(green.gethostbyname, name)
        assert asked.here()


@pytest.mark.parametrize("loop", LOOPS)
def test_many_look_ups_wait_at_once_while_others_run(asked: Asked, loop: str) -> None:
    asked.release.clear()
    many = 30  # a pool of ten would do

    def main() -> None:
        waiting = [
            greenbridge.spawn(outcome, green.getaddrinfo, f"n{number}.invalid", 80)
            for number in range(many)
        ]
        until = time.monotonic() + 20
        while len(asked.threads) < many and time.monotonic() < until:
            greenbridge.sleep(0.005)
        assert len(set(asked.threads)) == many
        waiting[0].kill()
        assert waiting[0].ready()
        asked.release.set()
        greenbridge.joinall(waiting, timeout=20)
        assert all(thread.value[0] is stdlib.gaierror for thread in waiting[1:])

    greenbridge.run(main, loop_factory=LOOPS[loop])


@pytest.mark.parametrize("loop", LOOPS)
def test_connect_and_its_kind_do_not_hold_up_the_loop_for_a_name(asked: Asked, loop: str) -> None:
    def main() -> None:
        with green.socket() as tcp, green.socket(type=stdlib.SOCK_DGRAM) as udp:
            for call in (
                lambda: tcp.connect(("name.invalid", 1)),
                lambda: tcp.connect_ex(("name.invalid", 1)),
                lambda: tcp.bind(("name.invalid", 1)),
                lambda: udp.sendto(b"x", ("name.invalid", 1)),
                lambda: udp.sendmsg([b"x"], [], 0, ("name.invalid", 1)),
                lambda: green.create_connection(("name.invalid", 1)),
            ):
                before = len(asked.threads)
                assert outcome(call)[0] is stdlib.gaierror
                assert len(asked.threads) == before + 1
                assert not asked.here()

    greenbridge.run(main, loop_factory=LOOPS[loop])


# -- what libc finds in the local file ----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hosts: files dns", True),
        ("passwd: x\nhosts:\tfiles\n", True),
        ("hosts: files # dns", True),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", True),
        ("hosts: dns files", False),
        ("hosts: files [SUCCESS=continue] dns", False),
        ("hosts: [X=return] files", False),
        ("hosts: mymachines files", False),
        ("#hosts: files", False),
        ("hosts: files\nhosts: dns", False),
        ("hosts:", False),
        ("", False),
    ],
)
def test_the_file_counts_only_if_libc_looks_there_first(text: str, expected: bool) -> None:
    assert files_first(text) is expected


def test_hosts_files_are_read_as_libc_does() -> None:
    names, addresses = parse(
        "# comment\n127.0.0.1 localhost Loop # x\n::1\tlocalhost six\nbad name\n10.0.0.1\n\n"
        "fe80::1%lo scoped\n127.1 short\n"
    )
    v4, v6 = int(stdlib.AF_INET), int(stdlib.AF_INET6)
    assert names == {"localhost": {v4, v6}, "loop": {v4}, "six": {v6}}
    assert addresses == {bytes([127, 0, 0, 1]), bytes(15) + b"\1"}


def test_changes_of_the_files_are_seen_and_doubt_is_a_no(hosts: Path) -> None:
    local: LocalHosts = dns._hosts
    assert local.has_name("Known", stdlib.AF_INET)
    assert local.has_name("known", 0)
    assert not local.has_name("known", stdlib.AF_INET6)
    assert local.has_address(bytes([127, 0, 0, 1]))
    hosts.write_text("10.9.8.7 other\n")
    assert not local.has_name("known", 0)
    assert local.has_name("other", 0)
    daemon = hosts.with_name("nscd")
    daemon.touch()
    assert not local.has_name("other", 0)
    daemon.unlink()
    assert local.has_name("other", 0)
    hosts.with_name("nsswitch.conf").write_text("hosts: dns files  \n")
    assert not local.has_name("other", 0)
    hosts.with_name("nsswitch.conf").write_bytes(b"hosts: files\n\xff\n")
    assert not local.has_name("other", 0)
    hosts.with_name("nsswitch.conf").unlink()
    assert not local.has_name("other", 0)


def test_another_libc_is_a_no(hosts: Path) -> None:
    local: LocalHosts = dns._hosts
    local._glibc = False
    assert not local.has_name("known", 0)
    assert not local.has_address(bytes([127, 0, 0, 1]))
    assert hosts.exists()
