"""FastAPI inside uvicorn: its async handlers block, and park only their own request."""

from contextlib import contextmanager

from compat_matrix.scenarios._hosting import fetch as call  # noqa: F401
from compat_matrix.scenarios._hosting import serving

APP = "compat_matrix.scenarios._apps:fastapi_app"


@contextmanager
def opened(server):
    options = ("--factory", "--port", "{port}", "--log-level", "warning")
    with serving("-m", "uvicorn", *options, APP) as base:
        yield base
