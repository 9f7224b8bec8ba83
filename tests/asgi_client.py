"""An ASGI server in memory: what it receives is given, what it is sent is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds that something may take which takes milliseconds; a guess.
LONG = 20.0


def http_scope(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"example.org")],
        "client": ("192.0.2.1", 1234),
        "server": ("192.0.2.2", 80),
        **more,
    }


class Exchange:
    """One request to *app*, which is called as a server calls it.

    Args:
        body: the pieces of the request's body.
        whole: no more pieces will be added.
    """

    def __init__(
        self,
        app: Any,
        path: str = "/",
        body: Iterable[bytes] = (),
        *,
        whole: bool = True,
        **scope: Any,
    ) -> None:
        self.app = app
        self.scope = http_scope(path, **scope)
        self.sent: list[dict[str, Any]] = []
        self.received = 0  # messages that the application has asked for
        self.slow: asyncio.Event | None = None  # set: nothing can be sent until it is
        self.error_of_send: Exception | None = None
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        pieces = list(body)
        if whole and not pieces:
            pieces = [b""]
        for n, piece in enumerate(pieces):
            self.add(piece, more=not whole or n < len(pieces) - 1)

    def add(self, piece: bytes, *, more: bool) -> None:
        """The client sends *piece* of its body."""
        self._incoming.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    def hang_up(self) -> None:
        """The client goes away."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        return await self._incoming.get()

    async def send(self, message: dict[str, Any]) -> None:
        if self.slow is not None:
            await self.slow.wait()
        if self.error_of_send is not None:
            raise self.error_of_send
        self.sent.append(message)

    async def run(self) -> Exchange:
        """Serve it, and return when the application has returned."""
        await asyncio.wait_for(self.app(self.scope, self.receive, self.send), LONG)
        return self

    def start(self) -> asyncio.Task[Exchange]:
        return asyncio.create_task(self.run())

    async def until_sent(self, count: int) -> None:
        """Wait until so many messages were sent."""
        await self._until(lambda: len(self.sent) >= count)

    async def until_asked(self) -> None:
        """Wait until the application has received the body and asks what the client does next."""
        await self._until(lambda: self.received >= 2)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110  # whatever it is, no event tells of it
            await asyncio.sleep(0.001)

    @property
    def status(self) -> int:
        assert self.sent[0]["type"] == "http.response.start"
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)
