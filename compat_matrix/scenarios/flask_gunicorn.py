"""Flask under gunicorn, with greenbridge's worker: a green thread a request."""

from contextlib import contextmanager

from compat_matrix.scenarios._hosting import fetch as call  # noqa: F401
from compat_matrix.scenarios._hosting import serving

APP = "compat_matrix.scenarios._apps:flask_app()"
WORKER = "greenbridge.gunicorn.Worker"


@contextmanager
def opened(server):
    with serving("-m", "gunicorn", "-b", "127.0.0.1:{port}", "-k", WORKER, APP) as base:
        yield base
