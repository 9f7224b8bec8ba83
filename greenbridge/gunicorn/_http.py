"""gunicorn's parser and response, with what is the same for every request found out once.

Theory of operation. gunicorn reads each of its settings through a ``__getattr__``, some thirty of
them a request, looks up which networks the client's address is in, and formats the date. Nothing
of that changes from one request to the next of a connection. What a request may look like and how
an answer is framed is all gunicorn's own code; the environment alone is built here, and a test
compares it with gunicorn's.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, Final, final

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http import errors, message, wsgi

from .._originals import monotonic

if TYPE_CHECKING:
    from ._connection import Connection


@final
class Settings:
    """A snapshot of gunicorn's configuration, as plain attributes."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg
        for name in cfg.settings:
            vars(self)[name] = getattr(cfg, name)
        self.is_ssl = cfg.is_ssl

    def __getattr__(self, name: str) -> Any:  # its methods
        return getattr(self._cfg, name)


class Request(message.Request):
    """A request whose client's address is looked up once a connection."""

    def _peer_trusted_for_forwarded(self) -> Any:
        wire = self.unreader.sock
        if wire.trusted is None:
            wire.trusted = super()._peer_trusted_for_forwarded()
        return wire.trusted

    @property
    def unread(self) -> bool:
        """Whether a part of the body may be left."""
        reader = self.body.reader
        return not (type(reader) is message.LengthReader and reader.length == 0)


class _Date:
    """The date of an answer's head; it has whole seconds, so it is formatted once in one."""

    def __init__(self) -> None:
        self._until = 0.0
        self._text = ""

    def now(self) -> str:
        now = monotonic()
        if now >= self._until:
            self._text = util.http_date()
            # The clocks do not tick together. Twice a second, it is never a second late.
            self._until = now + 0.5
        return self._text


_date: Final = _Date()


class Response(wsgi.Response):
    """An answer whose head has the date of :class:`_Date`."""

    def default_headers(self) -> list[str]:
        if self.upgrade:
            connection = "upgrade"
        elif self.should_close():
            connection = "close"
        else:
            connection = "keep-alive"
        major, minor = self.req.version
        headers = [
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\n"
            f"Date: {_date.now()}\r\nConnection: {connection}\r\n"
        ]
        if self.chunked:
            headers.append("Transfer-Encoding: chunked\r\n")
        return headers


class _Errors(io.RawIOBase):
    """``wsgi.errors``: gunicorn's error log, as it is when something is written."""

    def __init__(self, cfg: Any) -> None:
        super().__init__()
        self._cfg = cfg

    def write(self, data: Any) -> None:
        wsgi.WSGIErrorsWrapper(self._cfg).write(data)


def base_environ(cfg: Any) -> dict[str, Any]:
    """What the environments of all requests of a worker have in common."""
    base: dict[str, Any] = wsgi.base_environ(cfg)
    base["wsgi.errors"] = _Errors(cfg)
    base["wsgi.multithread"] = True
    return base


def connection_environ(base: dict[str, Any], client: Any, addr: Any) -> dict[str, Any]:
    """What the environments of all requests of one connection have in common."""
    environ = {**base, "gunicorn.socket": client}
    if isinstance(addr, str):  # a Unix socket
        environ["REMOTE_ADDR"] = addr
    elif isinstance(addr, bytes):
        environ["REMOTE_ADDR"] = addr.decode()
    else:
        environ["REMOTE_ADDR"] = addr[0]
        environ["REMOTE_PORT"] = str(addr[1])
    return environ


def create(connection: Connection, req: Any) -> tuple[Any, dict[str, Any]]:
    """The answer and the environment of *req*, as ``gunicorn.http.wsgi.create`` makes them."""
    worker = connection.worker
    wire = connection.wire
    resp = Response(req, wire, worker.settings)
    if req._expected_100_continue:
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    environ = connection.environ.copy()
    environ["wsgi.input"] = req.body
    environ["REQUEST_METHOD"] = req.method
    environ["QUERY_STRING"] = req.query
    environ["RAW_URI"] = req.uri
    environ["SERVER_PROTOCOL"] = "HTTP/{}.{}".format(*req.version)
    environ["wsgi.url_scheme"] = req.scheme
    host, script_name = _put_headers(environ, req.headers, worker.script_name)
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _server(
        connection.listener.address, host, req.scheme
    )
    path = req.path
    if script_name:
        if not path.startswith(script_name):
            raise errors.ConfigurationProblem(
                f"Request path {path!r} does not start with SCRIPT_NAME {script_name!r}"
            )
        path = path[len(script_name) :]
    environ["PATH_INFO"] = util.unquote_to_wsgi_str(path)
    environ["SCRIPT_NAME"] = script_name
    if req.proxy_protocol_info:
        environ.update(wsgi.proxy_environ(req))
    environ["wsgi.early_hints"] = wsgi._make_early_hints_callback(req, wire, resp)
    return resp, environ


def _put_headers(
    environ: dict[str, Any], headers: list[tuple[str, str]], script_name: str
) -> tuple[str | None, str]:
    """Put *headers* into *environ*; the host and SCRIPT_NAME that they tell."""
    host = None
    repeated: dict[str, list[str]] = {}
    for name, value in headers:
        if name == "HOST":
            host = value
        elif name == "SCRIPT_NAME":
            script_name = value
        elif name == "CONTENT-TYPE":
            environ["CONTENT_TYPE"] = value
            continue
        elif name == "CONTENT-LENGTH":
            environ["CONTENT_LENGTH"] = value
            continue
        key = f"HTTP_{name.replace('-', '_')}"
        if key in environ:
            repeated.setdefault(key, [environ[key]]).append(value)
        else:
            environ[key] = value
    for key, values in repeated.items():
        environ[key] = ",".join(values)
    return host, script_name


def _server(address: Any, host: str | None, scheme: str) -> tuple[str, str]:
    """SERVER_NAME and SERVER_PORT; a Unix socket has none, so the client says what it has asked."""
    if not isinstance(address, str):
        return address[0], str(address[1])
    parts = address.split(":")
    if len(parts) == 1 and host:
        parts = host.split(":")
        if len(parts) == 1:
            parts.append({"http": "80", "https": "443"}.get(scheme, ""))
    elif len(parts) == 1:
        parts.append("")
    return parts[0], parts[1]


def script_name() -> str:
    """The SCRIPT_NAME that all requests of a worker begin with."""
    return os.environ.get("SCRIPT_NAME", "")


def writes_access_log(log: Any) -> bool:
    """Whether gunicorn's logger does anything with a request: statsd does, and loggers of users."""
    if type(log).access is not Logger.access:
        return True
    return bool(getattr(log, "access_log_enabled", True))
