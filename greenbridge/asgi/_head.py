"""The head of an answer: what an application may say in ``start_response`` (PEP 3333)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATUS: Final = re.compile(r"([1-9][0-9]{2})(?: [\t -~\x80-\xff]*)?")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")
#: They are between the server and the client, so the server says them (RFC 9110, section 7.6.1).
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)


class Head(NamedTuple):
    """What the application has said."""

    status: int
    headers: list[tuple[bytes, bytes]]
    length: int | None  # of the body, if it was said

    @property
    def bodiless(self) -> bool:
        """Whether no body may follow it."""
        return self.status < 200 or self.status in (204, 304)

    def message(self, method: str, length: int | None) -> dict[str, Any]:
        """The ASGI message. *length* is that of the whole body, if it is known."""
        headers = self.headers
        if self.length is None and length is not None and not self.bodiless and method != "HEAD":
            headers = [*headers, (b"content-length", b"%d" % length)]
        return {"type": "http.response.start", "status": self.status, "headers": headers}


#: What was checked before: the codes of statuses, the encoded names of headers (None: left out).
#: Bounded: an application may make names up.
_CODES: Final[dict[str, int]] = {}
_NAMES: Final[dict[str, bytes | None]] = {}
_KNOWN_MAX: Final = 1000


def head_of(status: Any, headers: Iterable[tuple[Any, Any]]) -> Head:
    """Check what was said, and translate it.

    Raises:
        TypeError: for what is no string.
        ValueError: for what could not be sent, or would be read as something else.
    """
    code = _CODES.get(status) or _code(status)
    length = None
    encoded = []
    for name, value in headers:
        raw = _NAMES[name] if name in _NAMES else _name(name)
        if type(value) is not str and not isinstance(value, str):
            raise TypeError(f"the header {name!r} must be a string, not {type(value).__name__}")
        if not _VALUE.fullmatch(value):
            # The value is not shown: it may be secret.
            raise ValueError(f"the header {name!r} has characters that a header must not have")
        if raw is None:
            continue
        if raw == b"content-length":
            length = _length(value)
        encoded.append((raw, value.strip(" \t").encode("latin-1")))
    return Head(code, encoded, length)


def _code(status: Any) -> int:
    if not isinstance(status, str):
        raise TypeError(f"the status must be a string as '200 OK', not {status!r}")
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"the status must be three digits and a reason, not {status!r}")
    code = int(found[1])
    if len(_CODES) < _KNOWN_MAX:
        _CODES[status] = code
    return code


def _name(name: Any) -> bytes | None:
    if not isinstance(name, str):
        raise TypeError(f"the name of a header must be a string, not {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"the header {name!r} has characters that a name must not have")
    lower = name.lower()
    raw = None if lower in _HOP_BY_HOP else lower.encode("latin-1")
    if len(_NAMES) < _KNOWN_MAX:
        _NAMES[name] = raw
    return raw


def _length(value: str) -> int:
    if not value.strip().isdecimal():
        raise ValueError(f"Content-Length must be a number, not {value!r}")
    return int(value)
