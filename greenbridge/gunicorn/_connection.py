"""One client's connection, in a green thread: requests are read and answered until it ends."""

from __future__ import annotations

import errno
import ssl
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, final

from gunicorn import http, util
from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData

from .._delivery import PENDING
from .._errors import GreenExit
from .._originals import monotonic
from .._spawn import current_green
from .._waiting import wait_readable
from ..servers._stream import wrap
from ._http import Request, connection_environ, create
from ._wire import Wire

if TYPE_CHECKING:
    from ._worker import Worker

#: Seconds in which the rest of a body that the application has not read must come, or the
#: connection is closed. As gunicorn's threads give it.
_DRAIN_S: Final = 5.0
#: What a client that has gone leaves behind.
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF})


@final
class Connection:
    """Serves one client, in the green thread that makes it. *addr* is the client's address."""

    __slots__ = (
        "addr",
        "client",
        "environ",
        "idle",
        "linger",
        "listener",
        "parser",
        "proxied",
        "thread",
        "wire",
        "worker",
    )

    def __init__(self, worker: Worker, listener: Any, client: Any, addr: Any) -> None:
        self.worker = worker
        self.listener = listener
        self.client = client
        self.addr = addr
        self.thread: Any = current_green()
        self.idle = False  # it waits for the next request
        self.linger = False  # it must not be closed before the client has read what was sent
        self.proxied: dict[str, Any] = {}  # what a proxy says of the client
        self.environ: dict[str, Any] = {}  # what all its requests have in common
        self.wire: Any = None
        self.parser: Any = None

    def serve(self) -> None:
        """Answer requests until the client or the worker ends it. Closes the socket."""
        req = None
        log = self.worker.log
        try:
            if not self._open():
                return
            while (req := self._next_request()) is not None and self._answer(req):
                req = None
        except (NoMoreData, StopIteration) as error:
            log.debug("Closing connection. %s", error)
        except ssl.SSLError as error:
            if error.args[0] == ssl.SSL_ERROR_EOF:
                log.debug("ssl connection closed")
            else:
                log.debug("Error processing SSL request.")
                self._fail(req, error)
        except OSError as error:
            self._os_error(req, error)
        except (Exception, SystemExit) as error:
            if self.worker.aborted:
                raise
            self._fail(req, error)
        except GreenExit:
            log.debug("Closing connection: it was killed.")
        finally:
            if self.linger:
                util.close_graceful(self.client)
            else:
                util.close(self.client)

    def _open(self) -> bool:
        """Get through the handshake; False if somebody else has served the connection."""
        worker = self.worker
        self.client.setblocking(True)  # whatever socket.setdefaulttimeout() says
        stall = worker.stall
        if worker.ssl_context is not None:
            self.client = wrap(
                worker.ssl_context,
                self.client,
                suppress_ragged_eofs=worker.cfg.suppress_ragged_eofs,
            )
            self.client._gb_limit = stall
            self.client.do_handshake()
            self.client._gb_limit = None
        if worker.http2:
            worker.handle(self.listener.socket, self.client, self.addr)  # gunicorn's own code
            return False
        self.wire = Wire(self.client, worker.ssl_context is None, stall)
        self.environ = connection_environ(worker.base_environ, self.client, self.addr)
        self.parser = parser = http.get_parser(worker.settings, self.wire, self.addr)
        if type(parser) is http.RequestParser:  # else uWSGI's protocol
            parser.mesg_class = Request
        return True

    def close_if_idle(self) -> None:
        """End it, unless a request is under way or has just begun to come."""
        waiter = self.thread.waiter
        if self.idle and waiter is not None and waiter.state == PENDING:
            self.thread.kill(block=False)

    # -- a request -----------------------------------------------------------------------------

    def _next_request(self) -> Any:
        """The next request, or None if none comes: the client has gone, or was idle too long."""
        worker = self.worker
        if not self._has_data():
            self.idle = True
            try:
                if not wait_readable(self.client.fileno(), worker.idle_s()):
                    return None
            finally:
                self.idle = False
        wire = self.wire
        stall = worker.stall
        wire.head_by = None if stall is None else monotonic() + stall
        req = next(self.parser)
        wire.head_by = None
        if req.proxy_protocol_info:
            self.proxied = req.proxy_protocol_info
        else:  # it is said once, at the beginning of the connection
            req.proxy_protocol_info = self.proxied
        return req

    def _has_data(self) -> bool:
        if self.parser.unreader.buf.getvalue():
            return True  # the client did not wait for the answer
        return not self.wire.plain and self.client.pending() > 0

    def _answer(self, req: Any) -> bool:
        """Run the application; whether the connection is good for another request."""
        worker = self.worker
        environ: dict[str, Any] = {}
        resp = None
        settings = worker.settings
        began = datetime.now() if worker.access else None
        try:
            settings.pre_request(worker, req)
            resp, environ = create(self, req)
            worker.count()
            if not settings.keepalive:
                resp.force_close()
            if not self._respond(req, resp, environ, began):
                return False
        except (Exception, SystemExit):
            if worker.aborted:
                worker.log.exception("The worker was stuck here, in %s %s", req.method, req.uri)
                raise
            if resp is None or not resp.headers_sent:
                raise
            # A second answer in the middle of the first would be taken for a part of it.
            if not self.wire.failed:
                worker.log.exception("Error handling request")
            self.client.close()
            return False
        finally:
            try:
                settings.post_request(worker, req, environ, resp)
            except Exception:
                worker.log.exception("Exception in post_request hook")
        return self._goes_on(resp)

    def _goes_on(self, resp: Any) -> bool:
        parser = self.parser
        if resp.should_close() or (
            getattr(resp.req, "unread", True)
            and not parser.finish_body(deadline=monotonic() + _DRAIN_S)
        ):
            self.linger = True
            return False
        parser.mesg = None  # nothing is left of it: an idle connection is small
        return True

    def _respond(
        self, req: Any, resp: Any, environ: dict[str, Any], began: datetime | None
    ) -> bool:
        """Call the application and send what it gives; False if it has done that itself."""
        worker = self.worker
        wire = self.wire
        body = worker.wsgi(environ, resp.start_response)
        if worker.is_already_handled(body):
            return False
        if not worker.alive:
            resp.force_close()  # the client must not send another request here
        try:
            wire.corked = True
            if isinstance(body, wsgi.FileWrapper):
                resp.write_file(body)
            elif type(body) in (list, tuple):
                for item in body:
                    resp.write(item)
            else:
                for item in body:
                    resp.write(item)
                    wire.flush()
            resp.close()
            wire.flush()
        finally:
            wire.corked = False
            if began is not None:
                worker.log.access(resp, req, environ, datetime.now() - began)
            if hasattr(body, "close"):
                body.close()
        return True

    # -- what goes wrong -----------------------------------------------------------------------

    def _os_error(self, req: Any, error: OSError) -> None:
        log = self.worker.log
        if self.wire is not None and not self.wire.failed:
            self._fail(req, error)  # the application's
        elif isinstance(error, TimeoutError):
            log.debug("Closing connection: the client was silent for too long.")
            if self.wire is not None and self.wire.head_by is not None:
                util.write_error(self.client, 408, "Request Timeout", "")
        elif error.errno in _GONE:
            log.debug("Ignoring a client that has gone: %s", error)
        else:
            log.exception("Socket error processing request.")

    def _fail(self, req: Any, error: BaseException) -> None:
        self.linger = True
        self.worker.handle_error(req, self.client, self.addr, error)
