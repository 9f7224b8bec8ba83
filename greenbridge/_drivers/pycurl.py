"""pycurl: transfers in real threads, by subclasses of its own.

libcurl waits in C for many descriptors at once, and gives the GIL back. The callbacks of a
transfer (``WRITEFUNCTION`` ...) run in its thread. http://pycurl.io/docs/latest/
"""

from __future__ import annotations

from typing import Any

import pycurl

from .._offload import offload

__all__ = ("Curl", "CurlMulti")

_Curl: Any = pycurl.Curl  # Any: pycurl has no types
_CurlMulti: Any = pycurl.CurlMulti


class Curl(_Curl):  # type: ignore[misc]  # a class without types
    """``pycurl.Curl`` whose transfer lets green code run.

    On cancellation the transfer goes on in its thread until its own timeout: set one.
    """

    __module__ = "pycurl"

    def perform(self) -> None:
        """Transfer, and wait for the end."""
        offload(super().perform)

    def perform_rb(self) -> bytes:
        """Transfer, and return the body as bytes."""
        body: bytes = offload(super().perform_rb)
        return body

    def perform_rs(self) -> str:
        """Transfer, and return the body as text."""
        body: str = offload(super().perform_rs)
        return body


class CurlMulti(_CurlMulti):  # type: ignore[misc]  # a class without types
    """``pycurl.CurlMulti`` whose ``select`` lets green code run."""

    __module__ = "pycurl"

    def select(self, timeout: float) -> int:
        """Wait at most *timeout* seconds until a transfer can go on."""
        count: int = offload(super().select, timeout)
        return count
