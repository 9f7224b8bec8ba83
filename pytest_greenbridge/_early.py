"""``--greenbridge-patch``: patch and choose the loop before any module of the suite is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import pytest

from greenbridge import GreenbridgeError, __version__
from greenbridge._loops import set_loop_factory
from greenbridge._patch_table import check_patches
from greenbridge._patching import patch_all, patched

from ._leaks import Reporter, Watcher
from ._loops import Factories, chosen
from ._main_hub import be_green

if TYPE_CHECKING:
    from ._options import Settings

_NAME: Final = "greenbridge-patched"


def prepare(config: pytest.Config, settings: Settings) -> None:
    """Do what *settings* say, in the process that runs the tests; in any other look at them only.

    Raises:
        pytest.UsageError: unknown patches or loops, or another library has patched already.
    """
    loops = chosen(settings.loops)
    try:
        if settings.distributes:
            check_patches(settings.only, settings.exclude)
        elif settings.patch:
            if loops:
                set_loop_factory(next(iter(loops.values())))
            patch_all(only=settings.only, exclude=settings.exclude)
            be_green()
    except GreenbridgeError as error:
        raise pytest.UsageError(str(error)) from None
    if settings.patch and not settings.distributes:
        config.pluginmanager.register(_Patched(), _NAME)


def configure(config: pytest.Config, settings: Settings) -> None:
    """Register the hooks that *settings* need.

    Raises:
        pytest.UsageError: a loop was asked for, and nothing can be run on it.
    """
    if settings.patch and len(settings.loops) > 1:
        raise pytest.UsageError(
            "with --greenbridge-patch a suite runs on one loop, that of the main program, and "
            f"--greenbridge-loop={','.join(settings.loops)} names more. Run pytest once for each"
        )
    if settings.loops and not settings.patch:  # else the main program's loop is theirs
        if hasattr(config.hook, "pytest_asyncio_loop_factories"):
            config.pluginmanager.register(Factories(chosen(settings.loops)), "greenbridge-loops")
        else:
            raise pytest.UsageError(
                "--greenbridge-loop has tests run on the loop by pytest-asyncio, which is not "
                "installed or too old. Write: pip install 'pytest-asyncio>=1.4'"
            )
    if settings.leaks != "off":
        config.pluginmanager.register(Reporter(), "greenbridge-leaks-reporter")
        if not settings.distributes:
            watcher = Watcher(fail=settings.leaks == "error", green=settings.patch)
            config.pluginmanager.register(watcher, "greenbridge-leaks")


@final
class _Patched:
    """The hook that has each test begin in a green main program."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        be_green()


def header(settings: Settings) -> str:
    """One line for the head of the report: what is patched, and the loops."""
    said = [f"greenbridge {__version__}"]
    if settings.patch:
        what = "everything" if settings.only is None else ", ".join(settings.only) or "nothing"
        without = f" without {', '.join(settings.exclude)}" if settings.exclude else ""
        where = "in each worker" if settings.distributes else f"{len(patched())} names"
        said.append(f"patched {what}{without} ({where})")
    if settings.loops:
        loops = chosen(settings.loops)
        left = [name for name in settings.loops if name not in loops]
        why = f" ({', '.join(left)} left out: not installed)" if left else ""
        said.append(f"loop {', '.join(loops)}{why}")
    if settings.leaks != "off":
        said.append(f"leaks {settings.leaks}")
    return "; ".join(said)
