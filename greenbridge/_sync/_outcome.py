"""One result that many wait for: what stands under futures and thread handles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final

from .._originals import allocate_lock
from ._events import Event

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")
_ABSENT: Final[Any] = object()


@final
class Outcome(Generic[T]):
    """A value or an error that comes once; green code, coroutines and native threads wait for it.

    ``get()`` blocks or parks, ``await outcome`` awaits. The first of ``set_value`` and
    ``set_error`` counts; neither ever waits.
    """

    __slots__ = ("__weakref__", "_claim", "_error", "_event", "_value")

    def __init__(self) -> None:
        self._claim = allocate_lock()
        self._event = Event()
        self._value: T = _ABSENT
        self._error: BaseException | None = None

    def set_value(self, value: T) -> bool:
        """It came to *value*; False if it was settled before."""
        if not self._claim.acquire(False):
            return False
        self._value = value
        self._event.set()
        return True

    def set_error(self, error: BaseException) -> bool:
        """It failed with *error*; False if it was settled before."""
        if not self._claim.acquire(False):
            return False
        self._error = error
        self._event.set()
        return True

    def ready(self) -> bool:
        """Whether it is settled."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is settled; False after *timeout* seconds. See ``Event.wait``."""
        return self._event.wait(timeout)

    def get(self, timeout: float | None = None) -> T:
        """Its value, or its error raised.

        Raises:
            TimeoutError: if it is not settled after *timeout* seconds.

        On cancellation the wait ends; the outcome stays for others.
        """
        if not self._event.wait(timeout):
            raise TimeoutError(f"{self!r} has not come after {timeout} seconds")
        return self._get()

    async def get_async(self, timeout: float | None = None) -> T:
        """:meth:`get` in a coroutine."""
        if not await self._event.wait_async(timeout):
            raise TimeoutError(f"{self!r} has not come after {timeout} seconds")
        return self._get()

    def __await__(self) -> Generator[Any, Any, T]:
        return self.get_async().__await__()

    def _get(self) -> T:
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # the traceback must not keep it
        return self._value


__all__ = ("Outcome",)
