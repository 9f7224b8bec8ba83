"""UDP and Unix datagram servers."""

from __future__ import annotations

import socket as _stdlib
from typing import TYPE_CHECKING, Any, Final

from .._waiting import wait_writable
from ._addresses import bound
from ._base import BaseServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

#: No datagram is longer: the length field of UDP has 16 bits.
_MOST_BYTES: Final = 65_536


class DatagramServer(BaseServer):
    """Receives datagrams and runs ``handle(data, address)`` for each, in a green thread.

    Args:
        listener: an address, as for :class:`StreamServer`, or a datagram socket that is bound.
        handle: called with the bytes and the sender's address; None: override ``handle``.
        spawn: as for :class:`StreamServer`. While a pool is full the kernel keeps what arrives,
            and drops what is too much.
        reuse_port: several processes may receive on the same port (SO_REUSEPORT).
    """

    def __init__(
        self,
        listener: Any,
        handle: Callable[..., object] | None = None,
        spawn: Any = "default",
        *,
        reuse_port: bool = False,
    ) -> None:
        self._reuse_port = reuse_port
        super().__init__(listener, handle, spawn)

    def _bind(self, address: Any) -> socket:
        return bound(address, _stdlib.SOCK_DGRAM, 0, self._reuse_port)

    def _take(self) -> tuple[Any, ...]:
        return self.socket.recvfrom(_MOST_BYTES)  # type: ignore[no-any-return]

    def sendto(self, data: bytes, address: Any) -> int:
        """Send *data* from the server's own address.

        Waits if the kernel's buffer is full. On cancellation nothing was sent.
        """
        while True:
            try:
                return int(self.socket.sendto(data, address))
            except BlockingIOError:
                wait_writable(self.socket.fileno())
