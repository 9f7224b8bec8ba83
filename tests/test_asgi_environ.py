"""``WSGIApp``: the environment that an application gets, against an ASGI server in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge.asgi import WSGIApp

from .asgi_client import Exchange
from .wsgi_in_memory import patched as patched  # a fixture

if TYPE_CHECKING:
    from collections.abc import Iterable


async def environ(path: str = "/environ", **scope: Any) -> dict[str, Any]:
    """The environment that an application gets."""
    seen: list[dict[str, Any]] = []

    def show(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        seen.append(environ)
        start("200 OK", [])
        return []

    await Exchange(WSGIApp(show), path, **scope).run()
    return seen[0]


# -- the environment -------------------------------------------------------------------------


async def test_what_every_environment_has() -> None:
    seen = await environ("/a/b?c=d")
    for key, value in {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a/b",
        "QUERY_STRING": "c=d",
        "SERVER_NAME": "192.0.2.2",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "1234",
        "HTTP_HOST": "example.org",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.run_once": False,
    }.items():
        assert seen[key] == value, key
    assert seen["asgi.scope"]["type"] == "http"


@pytest.mark.parametrize(
    ("path", "root", "script_name", "path_info"),
    [
        ("/base/a", "/base", "/base", "/a"),
        ("/base", "/base", "/base", ""),
        ("/base/a", "/base/", "/base", "/a"),
        ("/based/a", "/base", "/base", "/based/a"),
        ("/a", "/base", "/base", "/a"),  # a server that leaves the root path out
        ("/r\u00f6\u00f6t/\u20ac", "/r\u00f6\u00f6t", "/r\xc3\xb6\xc3\xb6t", "/\xe2\x82\xac"),
    ],
)
async def test_paths(path: str, root: str, script_name: str, path_info: str) -> None:
    seen = await environ(path, root_path=root)
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == (script_name, path_info)


async def test_a_path_that_is_no_utf_8_keeps_its_bytes() -> None:
    assert (await environ("/\ufffd", raw_path=b"/%ff"))["PATH_INFO"] == "/\xff"


async def test_a_middleware_may_change_the_path() -> None:
    assert (await environ("/changed", raw_path=b"/old"))["PATH_INFO"] == "/changed"


async def test_headers() -> None:
    seen = await environ(
        headers=[
            (b"content-type", b"text/plain"),
            (b"content-length", b"0"),
            (b"x-one", b"1"),
            (b"x-one", b"\xe9"),
            (b"x_one", b"forged"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ]
    )
    assert seen["CONTENT_TYPE"] == "text/plain"
    assert seen["CONTENT_LENGTH"] == "0"
    assert seen["HTTP_X_ONE"] == "1,\xe9"
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(seen)


@pytest.mark.parametrize(
    ("scope", "name", "port"),
    [
        ({"server": None}, "localhost", "80"),
        ({"server": ("/run/socket", None), "scheme": "https"}, "/run/socket", "443"),
        ({"server": ("::1", 8000)}, "::1", "8000"),
    ],
)
async def test_the_server_has_a_name_and_a_port(scope: Any, name: str, port: str) -> None:
    seen = await environ(client=None, **scope)
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == (name, port)
    assert "REMOTE_ADDR" not in seen


async def test_no_request_sees_the_environment_of_another() -> None:
    seen = [await environ(), await environ()]
    seen[0]["own"] = 1
    assert "own" not in seen[1]
