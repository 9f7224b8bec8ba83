"""``WSGIApp``: what an application sees and says, against an ASGI server in memory."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

import greenbridge
from greenbridge.asgi import WSGIApp

from . import wsgi_app
from .asgi_client import Exchange
from .wsgi_in_memory import app
from .wsgi_in_memory import patched as patched  # a fixture

if TYPE_CHECKING:
    from collections.abc import Iterable


# -- the body of the request -----------------------------------------------------------------

PIECES = [b"one\ntw", b"", b"o\n\nthr", b"ee"]
WHOLE = b"".join(PIECES)


@pytest.mark.parametrize(
    ("calls", "results"),
    [
        ([("read",)], [WHOLE]),
        ([("read", -1), ("read",)], [WHOLE, b""]),
        ([("read", None)], [WHOLE]),
        ([("read", 4), ("read", 0), ("read", 100)], [b"one\n", b"", b"two\n\nthree"]),
        ([("readline",)] * 5, [b"one\n", b"two\n", b"\n", b"three", b""]),
        ([("readline", 2), ("readline", 9), ("readline", 0)], [b"on", b"e\n", b""]),
        ([("readline", 8), ("readline", -1)], [b"one\n", b"two\n"]),
        ([("readlines",), ("readlines",)], [[b"one\n", b"two\n", b"\n", b"three"], []]),
        ([("readlines", 5), ("read",)], [[b"one\n", b"two\n"], b"\nthree"]),
    ],
)
async def test_reading_the_body(calls: Any, results: Any) -> None:
    got: list[Any] = []

    def read(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        got.extend(getattr(environ["wsgi.input"], name)(*args) for name, *args in calls)
        start("200 OK", [])
        return []

    await Exchange(WSGIApp(read), body=PIECES, method="POST").run()
    assert got == results


async def test_a_body_is_received_when_it_is_read_and_no_sooner() -> None:
    exchange = Exchange(app(), "/echo-lines", [b"a\n"], whole=False, method="POST")
    task = exchange.start()
    await asyncio.sleep(0.01)
    assert exchange.received == 2  # one is in hand, and the application waits for the next
    exchange.add(b"b", more=False)
    await task
    assert exchange.body == b"a\n|b"


async def test_an_unread_body_is_left_to_the_server() -> None:
    exchange = await Exchange(app(), "/ignore", [b"x"], method="POST").run()
    assert (exchange.body, exchange.received) == (b"ignored", 0)


async def test_a_handler_that_waits_takes_one_piece_of_the_body_at_most() -> None:
    exchange = Exchange(app(), "/wait?name=a", [b"x"] * 5, method="POST")
    task = exchange.start()
    await asyncio.sleep(0.05)
    assert exchange.received == 1
    wsgi_app.STATE["open"].add("a")
    assert (await task).body == b"a"


# -- the answer ------------------------------------------------------------------------------


async def test_a_list_is_one_message_with_its_length() -> None:
    def listed(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("201 Created", [("X-One", "\xe9 "), ("Connection", "close")])
        return [b"ab", b"", b"c"]

    exchange = await Exchange(WSGIApp(listed)).run()
    assert exchange.status == 201
    assert exchange.headers == {b"x-one": b"\xe9", b"content-length": b"3"}
    assert [message["body"] for message in exchange.sent[1:]] == [b"abc"]


async def test_an_answer_is_sent_as_it_is_made() -> None:
    exchange = Exchange(app(), "/stream?name=s")
    task = exchange.start()
    await exchange.until_sent(2)
    assert exchange.body == b"first"
    assert not exchange.complete
    wsgi_app.STATE["open"].add("s")
    await task
    assert exchange.body == b"firstsecond"
    assert exchange.complete
    assert b"content-length" not in exchange.headers
    assert wsgi_app.NOTES == ["closed s"]


async def test_an_answer_waits_for_a_slow_client() -> None:
    exchange = Exchange(app(), "/endless?name=e")
    exchange.slow = asyncio.Event()
    task = exchange.start()
    await asyncio.sleep(0.02)
    assert exchange.sent == []
    exchange.slow.set()
    await exchange.until_sent(10)
    exchange.slow.clear()
    count = len(exchange.sent)
    await asyncio.sleep(0.02)
    assert len(exchange.sent) == count
    exchange.slow.set()
    exchange.hang_up()
    await task
    assert wsgi_app.NOTES[-1] == "closed e"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/write", b"one two three"), ("/replace", b"replaced"), ("/hello", b"Hello, World!")],
)
async def test_what_pep_3333_allows(path: str, body: bytes) -> None:
    exchange = await Exchange(app(), path).run()
    assert exchange.body == body
    assert exchange.complete


@pytest.mark.parametrize("kind", ["disk", "memory", "part"])
async def test_files(kind: str) -> None:
    with open(wsgi_app.__file__, "rb") as file:
        text = file.read()
    exchange = await Exchange(app(), f"/file?kind={kind}").run()
    assert exchange.body == (text[100:] if kind == "part" else text)


@pytest.mark.parametrize("items", [[b"abcdef"], [b"abc", b"def"], [b"abc", b"defghi"]], ids=len)
@pytest.mark.parametrize("kind", [list, iter])
async def test_no_more_than_the_length_that_was_said(kind: Any, items: list[bytes]) -> None:
    def said(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "5")])
        return kind(items)  # type: ignore[no-any-return]

    exchange = await Exchange(WSGIApp(said)).run()
    assert exchange.body == b"abcde"
    assert exchange.complete


@pytest.mark.parametrize(
    ("method", "status", "headers", "expected"),
    [
        ("HEAD", "200 OK", [], {}),
        ("HEAD", "200 OK", [("Content-Length", "3")], {b"content-length": b"3"}),
        ("GET", "204 No Content", [], {}),
        ("GET", "304 Not Modified", [], {}),
    ],
)
@pytest.mark.parametrize("kind", [list, iter])
async def test_answers_without_a_body(
    kind: Any, method: str, status: str, headers: Any, expected: Any
) -> None:
    def silent(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start(status, headers)
        return kind([b"not sent"])  # type: ignore[no-any-return]

    exchange = await Exchange(WSGIApp(silent), method=method).run()
    assert (exchange.headers, exchange.body, exchange.complete) == (expected, b"", True)


@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("items", [[], [b""], [b"", b""]], ids=len)
async def test_an_empty_answer(kind: Any, items: list[bytes]) -> None:
    def empty(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return kind(items)  # type: ignore[no-any-return]

    exchange = await Exchange(WSGIApp(empty)).run()
    assert exchange.headers == {b"content-length": b"0"}
    assert exchange.complete


async def test_start_response_may_come_with_the_first_item() -> None:
    def late(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        yield b"x"

    assert (await Exchange(WSGIApp(late)).run()).body == b"x"


@pytest.mark.parametrize(
    ("status", "headers", "error", "match"),
    [
        (200, [], TypeError, "must be a string as '200 OK'"),
        (b"200 OK", [], TypeError, "must be a string"),
        ("OK", [], ValueError, "three digits"),
        ("200 O\nK", [], ValueError, "three digits"),
        ("200 OK", [("X", 1)], TypeError, "must be a string, not int"),
        ("200 OK", [(b"X", "1")], TypeError, "name of a header must be a string"),
        ("200 OK", [("X\r\n", "1")], ValueError, "must not have"),
        ("200 OK", [("X", "a\r\nSet-Cookie: b")], ValueError, "must not have"),
        ("200 OK", [("Content-Length", "x")], ValueError, "must be a number"),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    status: Any, headers: Any, error: Any, match: str
) -> None:
    def wrong(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        with pytest.raises(error, match=match):
            start(status, headers)
        raise ZeroDivisionError

    exchange = Exchange(WSGIApp(wrong))
    with pytest.raises(ZeroDivisionError):
        await exchange.run()
    assert exchange.sent == []


@pytest.mark.parametrize(
    ("answer", "error", "match"),
    [
        (lambda: ["text"], TypeError, "must give bytes, not 'text'"),
        (lambda: iter(["text"]), TypeError, "must give bytes, not 'text'"),
        (lambda: None, TypeError, "not iterable"),
    ],
)
async def test_what_is_no_body_is_refused(answer: Any, error: Any, match: str) -> None:
    def wrong(environ: dict[str, Any], start: Any) -> Any:
        start("200 OK", [])
        return answer()

    with pytest.raises(error, match=match):
        await Exchange(WSGIApp(wrong)).run()


@pytest.mark.parametrize("kind", [list, iter])
async def test_an_application_that_says_nothing(kind: Any) -> None:
    exchange = Exchange(WSGIApp(lambda environ, start: kind([b"x"])))
    with pytest.raises(AssertionError, match="has not called start_response"):
        await exchange.run()


async def test_errors_are_raised_in_the_server() -> None:
    for path, error in (("/fail", ZeroDivisionError), ("/exit", RuntimeError)):
        exchange = Exchange(app(), path)
        with pytest.raises(error, match="in the application"):
            await exchange.run()
        assert exchange.sent == []
    exchange = Exchange(app(), "/fail-late")
    with pytest.raises(ZeroDivisionError):
        await exchange.run()
    assert exchange.body == b"part"
    assert not exchange.complete
    with pytest.raises(AssertionError, match="called twice"):
        await Exchange(app(), "/twice").run()


async def test_an_error_after_the_head_is_not_replaced() -> None:
    def late(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        yield b"x"
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start("500 Oh", [], sys.exc_info())

    exchange = Exchange(WSGIApp(late))
    with pytest.raises(ZeroDivisionError):
        await exchange.run()
    assert exchange.status == 200


@pytest.mark.parametrize("path", ["/hello", "/echo", "/stream?name=v", "/write", "/no-content"])
async def test_the_stdlibs_validator_finds_nothing_wrong(path: str) -> None:
    wsgi_app.STATE["open"].add("v")

    def checked(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if path == "/echo":  # the validator wants a size
            body = environ["wsgi.input"].read(3) + environ["wsgi.input"].readline(10)
            start("200 OK", [("Content-Type", "text/plain")])
            return [body]
        return wsgi_app.application(environ, start)

    exchange = await Exchange(WSGIApp(validator(checked)), path, [b"abcdef"], method="POST").run()
    assert exchange.complete


# -- other connections -----------------------------------------------------------------------


async def test_lifespan_is_answered() -> None:
    incoming = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": next(incoming)}

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    await app()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_websockets_are_refused() -> None:
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    await app()({"type": "websocket"}, receive, send)
    assert sent == ["websocket.close"]
    with pytest.raises(ValueError, match="no 'other' connections"):
        await app()({"type": "other"}, receive, send)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="needs a WSGI application"):
        WSGIApp("tests.wsgi_app:application")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        app(limit=0)
    greenbridge.unpatch_all()
    with pytest.warns(RuntimeWarning, match="import greenbridge.auto"):
        app()
