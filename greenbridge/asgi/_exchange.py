"""One request and its answer: what the application sees, and what the server gets.

The application runs in the green thread of a :class:`~greenbridge._relay.Relay`. The server's
``receive`` and ``send`` are awaited by the coroutine that the server has called.

While the application waits for something of its own, a Task asks the server for what comes next
from the client: that is how ASGI tells that it has gone. Of a body that nobody has read yet it
takes one piece, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from .._errors import GreenExit
from .._relay import Relay
from ._body import Body
from ._head import Head, head_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable


class ClientDisconnected(GreenExit):
    """Raised in a handler whose client has gone, at whatever it waits for.

    A ``BaseException``, so that ``except Exception`` in the application lets it pass.
    """


@final
class Exchange:
    """See the head of the file."""

    # Defaults stand in the class: an exchange sets what is different, which is little.
    _head: Head | None = None
    _begun = False  # the head was sent
    _ended = False  # the last part of the body was sent
    _left: int | None = None  # bytes of the body that may still be sent; None: any number
    _last: tuple[Any, bytes] | None = None  # a whole answer, to be sent when the thread has ended
    _piece = b""  # of the request, received and not read
    _complete = False  # there are no more pieces
    _gone = False
    _watch: asyncio.Task[None] | None = None
    _arrived: asyncio.Future[None] | None = None  # for who waits for a piece
    _room: asyncio.Future[None] | None = None  # for the watch, until the piece is read

    def __init__(self, app: Any, environ: dict[str, Any], receive: Any, send: Any) -> None:
        self._app = app
        self._environ = environ
        self._receive = receive
        self._send = send
        environ["wsgi.input"] = Body(self._next_piece)
        self.relay = Relay(self._run)

    async def serve(self) -> None:
        """Run the application and pass on what it answers.

        Raises:
            Exception: whatever the application raises. The server answers 500, or cuts off.
        """
        relay = self.relay
        try:
            if relay.begin():
                relay.result()
            else:
                relay.on_idle = self._start_watch
                await relay.finish()
            if self._last is not None:
                start, data = self._last
                if start is not None:
                    await self._send(start)
                await self._send({"type": "http.response.body", "body": data})
        except ClientDisconnected:
            return  # nobody is left to be told
        finally:
            watch, self._watch = self._watch, None
            if watch is not None:
                watch.cancel()
            # Without these no reference goes round in a circle, and nothing is left to the
            # garbage collector.
            del self._environ, self.relay, watch

    # -- in the green thread: the application ---------------------------------------------------

    def _run(self) -> None:
        try:
            body = self._app(self._environ, self._start_response)
            try:
                self._answer(body)
            finally:
                close = getattr(body, "close", None)
                if close is not None:
                    close()
        except SystemExit as error:
            # Of one request; the server must go on.
            raise RuntimeError(f"the application wanted to end the process: {error!r}") from error

    def _answer(self, body: Iterable[bytes]) -> None:
        if type(body) in (list, tuple):
            # One message, so that the server knows the length; and the thread can end first,
            # since nothing of the application is left to be called.
            whole = body[0] if len(body) == 1 else b"".join(body)  # type: ignore[index,arg-type]
            if not self._ended:  # by the function that start_response returns
                length = None if self._begun else len(whole)
                self._last = self._part(whole, length, more=False)[:2]
            return
        for item in body:
            if item:
                self._transmit(item, None, more=True)
            if self._ended:
                return
        self._transmit(b"", None if self._begun else 0, more=False)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise AssertionError(
                "start_response() was called twice. Only an error handler may do that: "
                "start_response(status, headers, sys.exc_info())"
            )
        self._head = head = head_of(status, headers)
        self._left = head.length
        if head.bodiless or self._environ["REQUEST_METHOD"] == "HEAD":
            self._left = 0
        return self._write

    def _write(self, data: bytes) -> None:
        self._transmit(data, None, more=True)

    def _transmit(self, data: bytes, length: int | None, *, more: bool) -> None:
        """Send a part of the body, and the head before the first one.

        *length* is that of the whole body, if it is known; *more*: other parts follow.
        """
        if not self._ended:
            self.relay.wait(self._deliver(*self._part(data, length, more=more)))

    def _part(self, data: bytes, length: int | None, *, more: bool) -> tuple[Any, bytes, bool]:
        """What is to be sent: the head if that was not, a part of the body, and if more follows."""
        if not isinstance(data, bytes):
            raise TypeError(f"an application must give bytes, not {data!r}")
        head = self._head
        if head is None:
            raise AssertionError("the application has not called start_response()")
        if self._gone:
            raise ClientDisconnected
        left = self._left
        if left is not None:
            data = data[:left]  # never more than was said
            self._left = left = left - len(data)
            more = more and left > 0
        start = None
        if not self._begun:
            self._begun = True
            start = head.message(self._environ["REQUEST_METHOD"], length)
        self._ended = not more
        return start, data, more

    def _next_piece(self) -> bytes:
        """The next piece of the request's body; nothing at its end."""
        while not self._piece:
            if self._complete:
                return b""
            if self._gone:
                raise ClientDisconnected
            self.relay.wait(self._pull())
        piece, self._piece = self._piece, b""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return piece

    # -- in the coroutine: the server -----------------------------------------------------------

    async def _deliver(self, start: Any, data: bytes, more: bool) -> None:
        send = self._send
        if more and self._watch is None:
            self._start_watch()  # some servers send into the void when the client has gone
        try:
            if start is not None:
                await send(start)
            await send({"type": "http.response.body", "body": data, "more_body": more})
        except OSError as error:  # ASGI: the client has gone
            self._gone = True
            raise ClientDisconnected from error

    async def _pull(self) -> None:
        if self._piece or self._complete or self._gone:
            return  # the watch was faster
        if self._watch is None or self._watch.done():
            self._take(await self._receive())
            return
        self._arrived = self.relay.hub.loop.create_future()
        await self._arrived

    def _take(self, message: Any) -> None:
        if message["type"] == "http.disconnect":
            self._gone = True
            return
        self._piece = message.get("body", b"")
        self._complete = not message.get("more_body", False)

    # -- beside both ----------------------------------------------------------------------------

    def _start_watch(self) -> None:
        if self._watch is not None:
            return
        # Asking for the body of a client that waits for '100 Continue' would tell it to send.
        if self._complete or "HTTP_EXPECT" not in self._environ:
            self._watch = self.relay.hub.loop.create_task(self._watching())

    async def _watching(self) -> None:
        relay = self.relay
        loop = relay.hub.loop
        try:
            while not self._gone:
                if self._piece:
                    self._room = loop.create_future()
                    await self._room
                self._take(await self._receive())
                self._tell()
        finally:
            self._tell()
        relay.thread.kill(ClientDisconnected, block=False)

    def _tell(self) -> None:
        arrived, self._arrived = self._arrived, None
        if arrived is not None and not arrived.done():
            arrived.set_result(None)
