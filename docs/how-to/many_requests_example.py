"""Many requests at once; see many-requests.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests as plain_requests

import greenbridge
from docs.conftest import LATENCY

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _patched() -> Iterator[None]:
    # In a program: import greenbridge.auto
    with greenbridge.patch_all(only={"socket", "time", "select", "selectors", "ssl"}):
        yield


# --8<-- [start:map]
from greenbridge import requests  # noqa: E402


def sizes(urls: list[str]) -> list[int]:
    answers = requests.map([requests.get(url) for url in urls], size=20, gtimeout=10)
    return [0 if answer is None else len(answer.content) for answer in answers]


# --8<-- [end:map]


# --8<-- [start:session]
def over_kept_connections(urls: list[str], show: Any) -> list[str]:
    with plain_requests.Session() as session:
        adapter = plain_requests.adapters.HTTPAdapter(pool_maxsize=20)
        session.mount("http://", adapter)
        described = [requests.get(url, session=session) for url in urls]
        return [answer.text for answer in requests.map(described, size=20, progress=show)]


# --8<-- [end:session]


def test_all_at_once(url: str) -> None:
    began = time.monotonic()
    assert greenbridge.run(sizes, [f"{url}/{n}" for n in range(10)]) == [16] * 10
    assert time.monotonic() - began < LATENCY * 10


def test_over_kept_connections(url: str) -> None:
    seen: list[tuple[int, int]] = []
    texts = greenbridge.run(
        over_kept_connections, [f"{url}/{n}" for n in range(3)], lambda *now: seen.append(now)
    )
    assert texts == [f"you asked for /{n}" for n in range(3)]
    assert seen[-1] == (3, 3)
