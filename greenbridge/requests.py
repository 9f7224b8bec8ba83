"""Many requests at once, with the names of ``grequests``: ``requests`` as it is, in green threads.

    import greenbridge.auto
    from greenbridge import requests

    answers = requests.map([requests.get(url) for url in urls], size=20)

``get`` and its siblings only describe a request; :func:`map`, :func:`imap` and
:func:`imap_enumerated` send them. Everything else (sessions, adapters, retries, responses) is that
of ``requests`` itself: https://requests.readthedocs.io/
"""

from __future__ import annotations

import traceback as _traceback
from collections import deque
from functools import partial
from queue import Empty
from typing import TYPE_CHECKING, Any, Final, final

from ._errors import GreenbridgeError
from ._groups import killall
from ._originals import monotonic
from ._patching import is_object_patched
from ._spawn import spawn
from ._sync import SimpleQueue
from ._timers import check_seconds

try:
    import requests as _requests
except ImportError as _error:
    raise ImportError(
        "greenbridge.requests sends through the requests library, which is not installed. Write: "
        "pip install requests"
    ) from _error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._groups import Pool
    from ._threads import GreenThread

    _Handler = Callable[["AsyncRequest", BaseException], Any]
    _Progress = Callable[[int, int], object]

__all__ = (
    "AsyncRequest",
    "delete",
    "get",
    "head",
    "imap",
    "imap_enumerated",
    "map",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "send",
)

#: How many requests ``imap`` has under way if nothing else is said; that of grequests.
_IMAP_SIZE: Final = 2


@final
class AsyncRequest:
    """A request that has not been sent yet, and then what became of it.

    Args:
        method: "GET", "POST" ...
        url: as of ``requests.request``.
        session: the ``requests.Session`` to use; without one, a session of its own, which is
            closed after the answer.
        callback: called with the response, in the green thread that sent the request, as a
            response hook of requests; if it returns something, that takes the response's place.
        **kwargs: whatever else ``Session.request`` takes; timeouts are in seconds.
    """

    def __init__(
        self,
        method: str,
        url: str,
        *,
        session: _requests.Session | None = None,
        callback: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.method = method
        self.url = url
        self.session = session
        if callback is not None:
            hooks = dict(kwargs.get("hooks") or {})
            before = hooks.get("response") or []
            hooks["response"] = [*(before if isinstance(before, list) else [before]), callback]
            kwargs["hooks"] = hooks
        self.kwargs = kwargs
        self.response: _requests.Response | None = None
        self.exception: BaseException | None = None
        self.traceback: str | None = None

    def send(self, **kwargs: Any) -> AsyncRequest:
        """Send it now and wait for the answer; an error is kept in ``exception``.

        On cancellation the connection is closed, and the cancellation goes on.
        """
        session = self.session or _requests.Session()
        try:
            self.response = session.request(self.method, self.url, **{**self.kwargs, **kwargs})
        except Exception as error:  # told by map() and imap(), or looked at by the caller
            self.exception = error
            self.traceback = _traceback.format_exc()
        finally:
            if self.session is None and not self._streams(kwargs):
                session.close()
        return self

    def _streams(self, kwargs: dict[str, Any]) -> bool:
        # The body of a streamed answer still has to come over the session's connection.
        return bool(kwargs.get("stream", self.kwargs.get("stream")))

    def __repr__(self) -> str:
        if self.response is not None:
            state = f"answered with {self.response.status_code}"
        else:
            state = "not sent" if self.exception is None else f"failed with {self.exception!r}"
        return f"<{type(self).__name__} {self.method} {self.url} {state}>"


request = AsyncRequest
options: partial[AsyncRequest] = partial(AsyncRequest, "OPTIONS")
head: partial[AsyncRequest] = partial(AsyncRequest, "HEAD")
get: partial[AsyncRequest] = partial(AsyncRequest, "GET")
post: partial[AsyncRequest] = partial(AsyncRequest, "POST")
put: partial[AsyncRequest] = partial(AsyncRequest, "PUT")
patch: partial[AsyncRequest] = partial(AsyncRequest, "PATCH")
delete: partial[AsyncRequest] = partial(AsyncRequest, "DELETE")


def send(request: AsyncRequest, pool: Pool | None = None, stream: bool = False) -> GreenThread:
    """Send *request* in a green thread, in *pool* if there is one; does not wait for the answer.

    Args:
        stream: leave the body to be read later, as ``stream=True`` of requests.

    Raises:
        GreenbridgeError: the socket module is not patched, so that each request would hold up
            all others.
    """
    _check_patched()
    start = spawn if pool is None else pool.spawn
    return start(request.send, **({"stream": True} if stream else {}))


def map(
    requests: Iterable[AsyncRequest],
    stream: bool = False,
    size: int | None = None,
    exception_handler: _Handler | None = None,
    gtimeout: float | None = None,
    progress: _Progress | None = None,
) -> list[Any]:
    """Send all *requests* at once; the responses, in the order of the requests.

    Args:
        stream: leave the bodies to be read later.
        size: how many may be under way at a time; None sends all at once.
        exception_handler: called with a request that failed and its error; what it returns
            stands in the list instead of the response. Without one, None stands there.
        gtimeout: in seconds, for all together. What has not been answered by then is ended, and
            counts as failed with ``TimeoutError``.
        progress: called with the number of requests that are done and that of all, after each.

    Raises:
        GreenbridgeError: as of :func:`send`.

    On cancellation of the caller everything that is under way is ended.
    """
    described = list(requests)
    deque(_sent(described, stream, size, gtimeout, progress), maxlen=0)
    return [_outcome(one, exception_handler) for one in described]


def imap(
    requests: Iterable[AsyncRequest],
    stream: bool = False,
    size: int = _IMAP_SIZE,
    exception_handler: _Handler | None = None,
    progress: _Progress | None = None,
) -> Iterator[Any]:
    """Send *requests*, *size* at a time; yield the responses as they come.

    Those that failed are left out, unless *exception_handler* returns something for them. See
    :func:`map` for the arguments. Ends what is under way if the iteration is given up.
    """
    for _, outcome in imap_enumerated(requests, stream, size, exception_handler, progress):
        if outcome is not None:
            yield outcome


def imap_enumerated(
    requests: Iterable[AsyncRequest],
    stream: bool = False,
    size: int = _IMAP_SIZE,
    exception_handler: _Handler | None = None,
    progress: _Progress | None = None,
) -> Iterator[tuple[int, Any]]:
    """As :func:`imap`, but yield the place of each request in *requests* and its response.

    The response is None for a request that failed, or what *exception_handler* returned.
    """
    described = list(requests)
    places = {id(one): place for place, one in enumerate(described)}
    for one in _sent(described, stream, size, None, progress):
        yield places[id(one)], _outcome(one, exception_handler)


def _sent(
    requests: list[AsyncRequest],
    stream: bool,
    size: int | None,
    timeout: float | None,
    progress: _Progress | None,
) -> Iterator[AsyncRequest]:
    """Yield *requests* as they are done; what is under way when this is closed is ended."""
    _check_patched()
    if size is not None and size < 1:
        raise ValueError(f"size={size!r}: at least one request has to be under way at a time")
    if len({id(one) for one in requests}) != len(requests):
        raise ValueError("a request stands there twice; describe it twice, each is sent once")
    check_seconds(timeout)
    deadline = None if timeout is None else monotonic() + timeout
    done: SimpleQueue[AsyncRequest] = SimpleQueue()
    waiting = deque(requests)
    options = {"stream": True} if stream else {}

    def send_in_turn() -> None:
        while waiting:
            done.put(waiting.popleft().send(**options))

    # A thread for each that may be under way, not for each request.
    senders = [spawn(send_in_turn) for _ in range(min(size or len(requests), len(requests)))]
    left = set(requests)
    try:
        while left:
            try:
                one = done.get(timeout=None if deadline is None else max(0, deadline - monotonic()))
            except Empty:
                break
            left.discard(one)
            if progress is not None:
                progress(len(requests) - len(left), len(requests))
            yield one
    finally:
        waiting.clear()
        killall(senders, block=False)
    for one in requests:
        if one in left:
            one.exception = TimeoutError(f"{one!r}: not answered within {timeout} seconds")
            yield one


def _outcome(one: AsyncRequest, handler: _Handler | None) -> Any:
    if one.response is not None or one.exception is None or handler is None:
        return one.response
    return handler(one, one.exception)


def _check_patched() -> None:
    if not is_object_patched("socket", "socket"):
        raise GreenbridgeError(
            "requests would be sent one after another: the socket module is not patched. Begin the "
            "program with 'import greenbridge.auto', or start it with 'python -m greenbridge'"
        )
