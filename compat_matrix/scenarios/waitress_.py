"""waitress with Flask, unmodified: its pool of threads is green."""

from contextlib import contextmanager

from compat_matrix.scenarios._hosting import fetch as call  # noqa: F401
from compat_matrix.scenarios._hosting import serving

OPTIONS = ("--host=127.0.0.1", "--port={port}", "--threads=60", "--call")


@contextmanager
def opened(server):
    app = "compat_matrix.scenarios._apps:flask_app"
    with serving("-m", "greenbridge", "-m", "waitress", *OPTIONS, app) as base:
        yield base
