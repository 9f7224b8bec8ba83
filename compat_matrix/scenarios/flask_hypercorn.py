"""Flask as WSGIApp inside hypercorn: a green thread a request."""

from contextlib import contextmanager

from compat_matrix.scenarios._hosting import fetch as call  # noqa: F401
from compat_matrix.scenarios._hosting import serving

APP = "compat_matrix.scenarios._apps:flask_in_asgi()"


@contextmanager
def opened(server):
    with serving("-m", "hypercorn", "-b", "127.0.0.1:{port}", APP) as base:
        yield base
