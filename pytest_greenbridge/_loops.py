"""Which loops the tests run on: one that was asked for, or each green and async test on several."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import pytest

from greenbridge import GreenbridgeError
from greenbridge._loops import LOOP_NAMES, factory_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbridge._loops import LoopFactory


def chosen(names: Sequence[str]) -> dict[str, LoopFactory]:
    """The factories of the loops called *names*; of several, uvloop is left out where it is not.

    Raises:
        pytest.UsageError: an unknown name, or the only one is not installed.
    """
    found = {}
    for name in names:
        try:
            found[name] = factory_named(name)
        except GreenbridgeError as error:
            if name in LOOP_NAMES and len(names) > 1:
                continue
            if name in LOOP_NAMES:
                raise pytest.UsageError(
                    f"--greenbridge-loop={name}: {name} is not installed here (it does not exist "
                    f"for every platform). Write --greenbridge-loop=asyncio, or: pip install {name}"
                ) from None
            raise pytest.UsageError(f"--greenbridge-loop={name}: {error}") from None
    return found


@final
class Factories:
    """The hook of pytest-asyncio that has each test run on these loops; a conftest's own wins."""

    def __init__(self, factories: Mapping[str, LoopFactory]) -> None:
        self._factories = factories

    @pytest.hookimpl(trylast=True)
    def pytest_asyncio_loop_factories(self) -> Mapping[str, LoopFactory]:
        return self._factories
