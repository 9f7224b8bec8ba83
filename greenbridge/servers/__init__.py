"""Servers for green code: one green thread a connection, with backpressure, TLS and a clean end.

Not imported by ``greenbridge`` itself: ``from greenbridge.servers import StreamServer``.
"""

from __future__ import annotations

from ._base import BaseServer as BaseServer
from ._datagram import DatagramServer as DatagramServer
from ._stream import StreamServer as StreamServer

__all__ = ("BaseServer", "DatagramServer", "StreamServer")
