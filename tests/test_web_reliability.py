"""Bad clients and workers that are ended under load, for a short while: nothing is left or lost."""

from __future__ import annotations

import signal

import pytest

pytest.importorskip("gunicorn", reason="gunicorn is not installed (extra: compat)")

from . import web_reliability

# A hundredth of what is run by hand: python -m tests.web_reliability --seconds 300
SECONDS = 3.0


def test_bad_clients_leave_no_descriptor_green_thread_or_memory() -> None:
    said = web_reliability.check_leaks(SECONDS, seed=1)
    assert "0 not answered" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_answer_is_wrong_when_workers_are_ended_under_load(number: signal.Signals) -> None:
    assert number.name in web_reliability.check_ends(SECONDS, 1, number)


def test_a_graceful_stop_answers_what_is_under_way() -> None:
    assert "were answered" in web_reliability.check_stop()
