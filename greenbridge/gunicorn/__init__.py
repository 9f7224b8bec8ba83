"""A gunicorn worker that serves every connection in a green thread.

``gunicorn -k greenbridge.gunicorn.Worker app:app``. The standard library is patched before the
application is imported; everything else is gunicorn's own configuration.
"""

from __future__ import annotations

try:
    import gunicorn as _gunicorn
except ModuleNotFoundError as _error:
    if _error.name != "gunicorn":
        raise
    raise ModuleNotFoundError(
        "greenbridge.gunicorn needs gunicorn, which is not installed here. "
        "Write: pip install 'greenbridge[gunicorn]'",
        name="gunicorn",
    ) from None

if _gunicorn.version_info < (26,):
    raise ImportError(
        f"greenbridge.gunicorn needs gunicorn 26 or newer, and this is {_gunicorn.__version__}. "
        "Write: pip install --upgrade 'greenbridge[gunicorn]'",
        name="gunicorn",
    )

from ._worker import Worker as Worker  # after the checks

__all__ = ("Worker",)
