"""The class and the module: what they have, look like, and take, beside the stdlib's."""

from __future__ import annotations

import abc
import errno
import inspect
import os
import pickle
import socket as stdlib
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest

import greenbridge
from greenbridge.green import socket as green

from .fresh import in_fresh_python
from .socket_worlds import SocketWorld, in_every_world

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
BASE: Any = stdlib.socket.__mro__[1]  # the C class

#: Methods of the C class that never wait, so the stdlib's own stay.
IMMEDIATE = {
    "_accept": "what the green accept calls",
    "close": "socket.socket.close, which calls _real_close",
    "family": "a number",
    "fileno": "a number",
    "getpeername": "asks the kernel, at once",
    "getsockname": "asks the kernel, at once",
    "getsockopt": "asks the kernel, at once",
    "listen": "tells the kernel, at once",
    "proto": "a number",
    "setsockopt": "tells the kernel, at once",
    "shutdown": "tells the kernel, at once; whoever waits sees the end of the stream",
    "type": "a number",
}


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    a, b = green.socketpair()
    yield a, b
    a.close()
    b.close()


def test_every_method_that_may_wait_is_replaced() -> None:
    names = {n for n in vars(BASE) if not n.startswith("__")} | {"__init__", "__del__"}
    own = set(vars(green.socket))
    assert names - own == IMMEDIATE.keys()


def test_methods_and_functions_have_the_signatures_of_the_originals() -> None:
    compared = 0
    for holder, original in ((green.socket, stdlib.socket), (green, stdlib)):
        for name, ours in vars(holder).items():
            theirs = vars(original).get(name)
            if not inspect.isfunction(theirs) or name in ("__del__", "_real_close"):
                continue
            wanted, got = inspect.signature(theirs), inspect.signature(ours)
            assert [(p.name, p.kind, p.default) for p in got.parameters.values()] == [
                (p.name, p.kind, p.default) for p in wanted.parameters.values()
            ], name
            compared += 1
    assert compared > 8


def test_the_module_has_every_name_of_the_original() -> None:
    for name in stdlib.__all__:
        assert hasattr(green, name), name
    assert green.AF_INET is stdlib.AF_INET
    assert green.timeout is TimeoutError
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        green.nothing  # noqa: B018  # the look-up is the test


def test_it_is_a_socket_and_so_are_the_originals(pair: tuple[Any, Any]) -> None:
    a, _ = pair
    assert isinstance(a, stdlib.socket)
    assert isinstance(a, stdlib.SocketType)
    assert issubclass(green.socket, stdlib.socket)
    with stdlib.socket() as before:  # made before patching
        assert isinstance(before, green.socket)
        assert issubclass(stdlib.socket, green.socket)
    assert not isinstance(object(), green.socket)

    class Own(green.socket):
        pass

    assert not isinstance(a, Own)
    assert not issubclass(green.socket, Own)
    assert not hasattr(a, "__dict__")
    with pytest.raises(AttributeError):
        a.attribute = 1  # type: ignore[attr-defined]  # that is the test
    assert weakref.ref(a)() is a


@in_every_world
def test_subclasses_work(world: SocketWorld) -> None:
    class Mixin(abc.ABC):
        @abc.abstractmethod
        def recv(self, *args: Any) -> Any: ...

    class Own(world.socket.socket, Mixin, Generic[T]):  # type: ignore[name-defined, misc]
        _timeout = "mine"  # names that others use as well
        limit = None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.note = "extra"
            super().__init__(*args, **kwargs)

        def recv(self, *args: Any) -> bytes:
            data: bytes = world.socket.socket.recv(self, *args)
            return b"<" + data + b">"

    a, b = world.pair()
    own = world.keep(Own(a.family, a.type, a.proto, fileno=a.detach()))
    own.settimeout(20)
    peer = world.start(b.sendall, b"x")
    with world.waits():
        assert own.recv(10) == b"<x>"
    peer.result()
    assert type(world.keep(own.dup())) is Own
    assert "Own" in repr(own)


def test_repr_is_the_original_s_with_our_module() -> None:
    with stdlib.socket() as original, green.socket() as sock:
        wanted = repr(original).replace("<socket.", "<greenbridge.green.socket.")
        assert repr(sock) == wanted.replace(f"fd={original.fileno()}", f"fd={sock.fileno()}")
    assert " [closed] fd=-1" in repr(sock)


def test_pickling_is_refused_and_the_class_can_be_pickled(pair: tuple[Any, Any]) -> None:
    a, _ = pair
    with stdlib.socket() as original:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError) as wanted:
                pickle.dumps(original, protocol)
            with pytest.raises(TypeError) as got:
                pickle.dumps(a, protocol)
            assert str(got.value) == str(wanted.value)
    assert pickle.loads(pickle.dumps(green.socket)) is green.socket


@in_every_world
def test_the_constructor_takes_what_the_stdlib_takes(world: SocketWorld) -> None:
    plain = world.new()
    assert (plain.family, plain.type, plain.proto) == (stdlib.AF_INET, stdlib.SOCK_STREAM, 0)
    assert not plain.get_inheritable()
    given = world.new(stdlib.AF_UNIX, stdlib.SOCK_DGRAM)
    adopted = world.socket.socket(fileno=given.fileno())
    assert (adopted.family, adopted.type) == (stdlib.AF_UNIX, stdlib.SOCK_DGRAM)
    assert adopted.detach() == given.fileno()
    unset = world.keep(
        world.socket.socket(stdlib.AF_INET, stdlib.SOCK_STREAM | stdlib.SOCK_NONBLOCK)
    )
    assert unset.gettimeout() == 0.0
    assert unset.type == stdlib.SOCK_STREAM
    r, w = os.pipe()
    try:
        for kwargs, error in (
            ({"fileno": -1}, ValueError),
            ({"fileno": 2**15}, OSError),
            ({"fileno": r}, OSError),
            ({"fileno": "x"}, TypeError),
            ({"family": "x"}, TypeError),
            ({"family": 9999}, OSError),
        ):
            with pytest.raises(error) as wanted:
                stdlib.socket(**kwargs)
            with pytest.raises(error) as got:
                world.socket.socket(**kwargs)
            assert str(got.value) == str(wanted.value)
    finally:
        os.close(r)
        os.close(w)


@in_every_world
def test_a_descriptor_that_was_non_blocking_stays_so(world: SocketWorld) -> None:
    given, other = world.pair()
    os.set_blocking(given.fileno(), False)
    sock = world.socket.fromfd(given.fileno(), stdlib.AF_UNIX, stdlib.SOCK_STREAM)
    world.keep(sock)
    assert sock.gettimeout() is None
    with pytest.raises(BlockingIOError):
        sock.recv(1)
    with pytest.raises(BlockingIOError):
        sock.sendall(bytes(50_000_000))
    sock.settimeout(None)
    assert os.get_blocking(given.fileno())
    other.shutdown(stdlib.SHUT_WR)
    assert sock.recv(1) == b""


@in_every_world
def test_makefile_reads_and_writes(world: SocketWorld) -> None:
    a, b = world.pair()
    a.settimeout(20)
    lines = [b"line %d\n" % n for n in range(50_000)]
    with a.makefile("rw", encoding="ascii", newline="\n") as text, b.makefile("rwb") as raw:
        peer = world.start(lambda: (raw.writelines(lines), raw.flush()))
        with world.waits():
            assert [text.readline() for _ in lines] == [line.decode() for line in lines]
        peer.result()
        text.write("answer\n")
        text.flush()
        assert raw.readline() == b"answer\n"
        a.close()
        assert a.fileno() != -1  # the file still uses it
    assert a.fileno() == -1
    with pytest.raises(ValueError, match="invalid mode"):
        b.makefile("x")
    with pytest.raises(ValueError, match="unbuffered streams must be binary"):
        b.makefile("r", buffering=0)


@in_every_world
def test_a_file_that_timed_out_cannot_be_read_again(world: SocketWorld) -> None:
    a, _ = world.pair()
    a.settimeout(0.01)
    with a.makefile("rb") as file:
        with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$"):
            file.read(1)
        with pytest.raises(OSError, match="cannot read from timed out object"):
            file.read(1)


@in_every_world
def test_create_connection_tries_every_address(world: SocketWorld) -> None:
    listener, (_, port) = world.listener()
    peer = world.start(listener.accept)
    source = ("127.0.0.1", 0)
    sock = world.socket.create_connection(("localhost", port), timeout=20, source_address=source)
    world.keep(sock)
    world.keep(peer.result()[0])
    assert type(sock) is world.socket.socket
    assert sock.gettimeout() == 20
    with stdlib.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()
    with pytest.raises(ConnectionRefusedError):
        world.socket.create_connection(closed)
    if "all_errors" in inspect.signature(stdlib.create_connection).parameters:
        with pytest.raises(Exception, match="create_connection failed") as caught:
            world.socket.create_connection(closed, all_errors=True)
        assert [type(e) for e in caught.value.exceptions] == [  # type: ignore[attr-defined]
            ConnectionRefusedError
        ]
    with pytest.raises(stdlib.gaierror):
        world.socket.create_connection((b"a" * 70, port))


@in_every_world
def test_create_server_and_its_kind_make_sockets_of_the_module(world: SocketWorld) -> None:
    listener, address = world.listener()
    made = [
        listener,
        *world.pair(),
        world.keep(world.socket.fromfd(listener.fileno(), stdlib.AF_INET, stdlib.SOCK_STREAM)),
    ]
    assert {type(sock) for sock in made} == {world.socket.socket}
    with pytest.raises(OSError, match="while attempting to bind") as caught:
        world.socket.create_server(address)
    assert caught.value.errno == errno.EADDRINUSE
    assert world.socket.has_dualstack_ipv6() == stdlib.has_dualstack_ipv6()


@in_every_world
def test_the_crypto_interface_of_the_kernel(world: SocketWorld) -> None:
    try:
        algorithm = world.new(stdlib.AF_ALG, stdlib.SOCK_SEQPACKET, 0)
        algorithm.bind(("skcipher", "cbc(aes)"))
    except (AttributeError, OSError) as error:
        pytest.skip(f"this kernel has no AF_ALG: {error}")
    algorithm.setsockopt(stdlib.SOL_ALG, stdlib.ALG_SET_KEY, b"k" * 16)
    operation = world.keep(algorithm.accept()[0])
    operation.sendmsg_afalg([b"p" * 16], op=stdlib.ALG_OP_ENCRYPT, iv=b"i" * 16)
    secret = operation.recv(16)
    operation.sendmsg_afalg([secret], op=stdlib.ALG_OP_DECRYPT, iv=b"i" * 16)
    assert operation.recv(16) == b"p" * 16
    with pytest.raises(TypeError):
        operation.sendmsg_afalg([b"x"])


@in_fresh_python
def test_sockets_that_are_still_open_at_exit_do_no_harm() -> None:
    import warnings

    warnings.simplefilter("ignore", ResourceWarning)

    def main() -> None:
        a, b = green.socketpair()
        vars(green)["kept"] = a, b
        greenbridge.spawn(b.sendall, b"x")
        assert a.recv(1) == b"x"

    greenbridge.run(main)
