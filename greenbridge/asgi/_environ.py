"""From an ASGI scope to a WSGI environment (PEP 3333)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    Scope = MutableMapping[str, Any]

#: Names of headers that have been seen -> their key; None: left out. Bounded: clients choose them.
_KEYS: Final[dict[bytes, str | None]] = {}
_KEYS_MAX: Final = 1000
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def _key(name: bytes) -> str | None:
    """``b"x-one"`` -> ``"HTTP_X_ONE"``.

    A name with an underscore is left out: ``X_One`` would pass for ``X-One``, which a proxy in
    front may have checked. gunicorn, nginx and Apache leave it out as well.
    """
    text = name.decode("latin-1").upper()
    key: str | None = text.replace("-", "_")
    if "_" in text:
        key = None
    elif key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    if len(_KEYS) < _KEYS_MAX:
        _KEYS[name] = key
    return key


def _put_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        try:
            key = _KEYS[name]
        except KeyError:
            key = _key(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text


def _latin1(text: str) -> str:
    """Text as WSGI has it: each character is one byte of its UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    if "\ufffd" in path and scope.get("raw_path"):
        # It was no UTF-8. The bytes that the client has sent are in there.
        return unquote_to_bytes(scope["raw_path"]).decode("latin-1")
    return _latin1(path)


def environ_of(scope: Scope, base: dict[str, Any]) -> dict[str, Any]:
    """The environment of one request; *base* is what all have in common."""
    environ = base.copy()
    path = _path(scope)
    root = scope.get("root_path", "")
    if root:
        # The path contains the root path (ASGI 3), or does not (older servers).
        root = _latin1(root.rstrip("/"))
        if path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
            path = path[len(root) :]
    scheme = scope.get("scheme", "http")
    environ["REQUEST_METHOD"] = scope["method"]
    environ["SCRIPT_NAME"] = root
    environ["PATH_INFO"] = path
    environ["QUERY_STRING"] = scope["query_string"].decode("latin-1")
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope['http_version']}"
    environ["wsgi.url_scheme"] = scheme
    environ["asgi.scope"] = scope
    environ["wsgi.errors"] = sys.stderr  # what it is now
    server = scope.get("server")
    host, port = server or ("localhost", None)
    environ["SERVER_NAME"] = host
    environ["SERVER_PORT"] = _DEFAULT_PORTS.get(scheme, "0") if port is None else str(port)
    client = scope.get("client")
    if client:
        environ["REMOTE_ADDR"] = client[0]
        environ["REMOTE_PORT"] = str(client[1])
    _put_headers(environ, scope["headers"])
    return environ


class FileWrapper:
    """``wsgi.file_wrapper``: an iterable over the blocks of a file, which closes it."""

    #: Bytes. What servers and kernels take at once; PEP 3333 suggests a size of the server's own.
    BLOCK: Final = 65_536

    def __init__(self, filelike: Any, blksize: int = BLOCK) -> None:
        self.filelike = filelike
        self.blksize = max(blksize, self.BLOCK)
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        data: bytes = self.filelike.read(self.blksize)
        if data:
            return data
        raise StopIteration


def base_environ() -> dict[str, Any]:
    """What the environments of all requests have in common."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
    }
