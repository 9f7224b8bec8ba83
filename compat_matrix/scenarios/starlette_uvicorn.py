"""Starlette inside uvicorn: its def endpoints run greenly."""

from contextlib import contextmanager

from compat_matrix.scenarios._hosting import fetch as call  # noqa: F401
from compat_matrix.scenarios._hosting import serving

APP = "compat_matrix.scenarios._apps:starlette_app"


@contextmanager
def opened(server):
    options = ("--factory", "--port", "{port}", "--log-level", "warning")
    with serving("-m", "uvicorn", *options, APP) as base:
        yield base
