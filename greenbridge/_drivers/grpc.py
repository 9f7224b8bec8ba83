"""grpcio: calls with one answer, made as futures whose end is waited for greenly.

The blocking form waits for grpc's completion queue in C, in the caller's thread. The future form
has one real thread a channel that does, and tells who waits by a condition of ``threading``. Calls
with streams of answers have that thread in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpc import _channel

from .._waiting import parkable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("stream_call", "stream_with_call", "unary_call", "unary_with_call")


def _made_by(original: Callable[..., Any], with_call: bool) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:  # Any: grpc's internals have no types
        if not parkable():
            return original(self, *args, **kwargs)
        future = self.future(*args, **kwargs)
        try:
            answer = future.result()
        except BaseException:
            future.cancel()  # does nothing if it has ended
            raise
        return (answer, future) if with_call else answer

    call.__name__ = original.__name__
    call.__qualname__ = original.__qualname__
    call.__doc__ = original.__doc__
    return call


unary_call = _made_by(_channel._UnaryUnaryMultiCallable.__call__, False)
unary_with_call = _made_by(_channel._UnaryUnaryMultiCallable.with_call, True)
stream_call = _made_by(_channel._StreamUnaryMultiCallable.__call__, False)
stream_with_call = _made_by(_channel._StreamUnaryMultiCallable.with_call, True)
