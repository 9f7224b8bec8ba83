"""The patch engine, on small tables of its own. Each test has a fresh interpreter."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
import time
import types
from typing import Any

import pytest

from greenbridge import _patching
from greenbridge._errors import PatchConflictError, UnknownPatchError
from greenbridge._patching import (
    Patch,
    Table,
    apply,
    is_module_patched,
    is_object_patched,
    original,
    patch,
    patch_all,
    patched,
    unpatch_all,
)

from .fresh import in_fresh_python, module

HERE = __name__


def green_sleep(seconds: float, /) -> None:
    """A stand-in that does not wait."""


def green_monotonic() -> float:
    return 0.0


SLEEP = Table("time", {"sleep": Patch(f"{HERE}:green_sleep")})
CLOCKS = Table(
    "time",
    {
        "sleep": Patch(f"{HERE}:green_sleep"),
        "monotonic": Patch(f"{HERE}:green_monotonic"),
    },
)


@in_fresh_python
def test_apply_and_restore() -> None:
    real = time.sleep
    applied = apply([SLEEP])
    assert time.sleep is green_sleep
    assert [(r.module, r.name, r.original, r.green) for r in patched()] == [
        ("time", "sleep", real, green_sleep)
    ]
    assert is_module_patched("time")
    assert is_object_patched("time", "sleep")
    assert original("time", "sleep") is real
    applied.restore()
    assert time.sleep is real
    assert patched() == ()
    assert applied.records == ()
    assert not is_module_patched("time")
    assert not is_object_patched("time", "sleep")
    assert original("time", "sleep") is real
    applied.restore()  # a second time does nothing


@in_fresh_python
def test_leaving_the_block_restores_after_an_error_too() -> None:
    real = time.sleep
    try:
        with apply([SLEEP]) as applied:
            assert repr(applied) == "<Applied 1 attributes: time>"
            raise KeyError("in the block")
    except KeyError:
        pass
    assert time.sleep is real


@in_fresh_python
def test_a_second_apply_owns_nothing_and_undoes_nothing() -> None:
    first = apply([SLEEP])
    with apply([SLEEP]) as second:
        assert second.records == ()
    assert time.sleep is green_sleep
    with apply([CLOCKS]) as third:  # only what is missing
        assert [r.name for r in third.records] == ["monotonic"]
    assert time.sleep is green_sleep
    first.restore()
    assert time.sleep is not green_sleep


@in_fresh_python
def test_a_bad_row_changes_nothing() -> None:
    before = dict(vars(time))
    absent = Table("time", {**CLOCKS.replace, "nope": Patch(f"{HERE}:green_sleep")})
    with pytest.raises(LookupError, match=r"replaces time\.nope, which Python \d\.\d+ does not"):
        apply([absent])
    no_green = Table("time", {**CLOCKS.replace, "sleep": Patch(f"{HERE}:no_such_green")})
    with pytest.raises(AttributeError, match="no_such_green"):
        apply([no_green])
    c_class = Table("_socket", {"socket.recv": Patch(f"{HERE}:green_monotonic")})
    with pytest.raises(TypeError, match=r"_socket\.socket\.recv cannot be set: .* is a C class"):
        apply([SLEEP, c_class])
    other = Table("queue", {"Queue": Patch(f"{HERE}:green_monotonic", also=("time:sleep",))})
    assert len(apply([SLEEP, other]).records) == 2  # time.sleep is not the original Queue
    unpatch_all()
    assert vars(time) == before
    assert patched() == ()


@in_fresh_python
def test_two_rows_cannot_claim_one_place() -> None:
    holder = module("holder", nap=time.sleep)
    rows = {"sleep": Patch(f"{HERE}:green_sleep", also=("holder:nap",))}
    mine = Table("holder", {"nap": Patch(f"{HERE}:green_monotonic")})
    with pytest.raises(ValueError, match=r"two patch rows claim holder\.nap"):
        apply([mine, Table("time", rows)])
    assert holder.nap is time.sleep is not green_sleep


@in_fresh_python
def test_a_failure_while_setting_rolls_back() -> None:
    class Stubborn(types.ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            raise RuntimeError("hands off")

    made = Stubborn("stubborn")
    vars(made)["nap"] = time.sleep
    sys.modules["stubborn"] = made
    real = time.sleep
    with pytest.raises(RuntimeError, match="hands off"):
        apply([SLEEP, Table("stubborn", {"nap": Patch(f"{HERE}:green_sleep")})])
    assert time.sleep is real
    assert patched() == ()


@in_fresh_python
def test_unknown_names_say_what_there_is_and_change_nothing() -> None:
    before = dict(vars(time))
    with pytest.raises(UnknownPatchError) as caught:
        patch_all(only={"time", "tiem"})
    assert "no patch named 'tiem'" in str(caught.value)
    assert "Did you mean 'time'?" in str(caught.value)
    assert "The names are: _multiprocessing, anyio, asyncio, " in str(caught.value)
    assert ", threading, time" in str(caught.value)
    with pytest.raises(UnknownPatchError, match="'sockets', 3"):
        patch_all(exclude=["sockets", 3])  # type: ignore[list-item]  # what is tested
    with pytest.raises(UnknownPatchError, match="no patch named ''"):
        patch("")
    with pytest.raises(TypeError, match=r"write only=\{'time'\}"):
        patch_all(only="time")
    with pytest.raises(TypeError, match=r"write exclude=\{'time'\}"):
        patch_all(exclude="time")
    assert vars(time) == before
    assert patched() == ()


@in_fresh_python
def test_a_conflict_on_restore_changes_nothing() -> None:
    applied = apply([CLOCKS])

    def theirs(seconds: float) -> None: ...

    time.sleep = theirs  # type: ignore[assignment]  # somebody else's
    for undo in (applied.restore, unpatch_all):
        with pytest.raises(PatchConflictError, match=r"time\.sleep is now .*theirs.*Undo|undo"):
            undo()
        assert time.monotonic is green_monotonic
        assert time.sleep is theirs
    time.sleep = green_sleep  # type: ignore[assignment]  # the table's own
    applied.restore()
    assert time.monotonic is not green_monotonic


@in_fresh_python
def test_unpatch_all_undoes_every_call_and_its_tokens_are_spent() -> None:
    real = time.sleep
    first, second = apply([SLEEP]), apply([CLOCKS])
    unpatch_all()
    assert time.sleep is real
    assert patched() == ()
    third = apply([SLEEP])
    first.restore()
    second.restore()
    assert time.sleep is green_sleep  # it belongs to the third call now
    third.restore()
    assert time.sleep is real


@in_fresh_python
def test_rows_are_for_some_versions_and_platforms() -> None:
    def names(row: Patch, **world: Any) -> list[str]:
        with apply([Table("time", {"sleep": row})], **world) as applied:
            return [r.name for r in applied.records]

    green = f"{HERE}:green_sleep"
    assert names(Patch(green, since=(3, 12)), python=(3, 11)) == []
    assert names(Patch(green, since=(3, 12)), python=(3, 12)) == ["sleep"]
    assert names(Patch(green, until=(3, 12)), python=(3, 12)) == []
    assert names(Patch(green, until=(3, 12)), python=(3, 11)) == ["sleep"]
    assert names(Patch(green, platforms=("freebsd",)), platform="freebsd14") == ["sleep"]
    assert names(Patch(green, platforms=("freebsd",)), platform="linux") == []
    assert names(Patch(green, platforms=("!win32",)), platform="linux") == ["sleep"]
    assert names(Patch(green, platforms=("!win32",)), platform="win32") == []
    absent = Table("time", {"nope": Patch(green, since=(3, 99))})
    assert apply([absent]).records == ()


@in_fresh_python
def test_the_order_is_data_and_a_circle_is_named() -> None:
    import queue

    last = Table("time", SLEEP.replace, after=("queue", "not applied"))
    first = Table("queue", {"Queue": Patch(f"{HERE}:green_monotonic")})
    with apply([last, first]):
        assert [r.module for r in patched()] == ["queue", "time"]
        assert queue.Queue is green_monotonic  # type: ignore[comparison-overlap]
    with pytest.raises(ValueError, match="time -> queue -> time"):
        apply([last, Table("queue", first.replace, after=("time",))])


@in_fresh_python
def test_parts_can_be_chosen_and_left_out() -> None:
    rows = {
        "sleep": Patch(f"{HERE}:green_sleep"),
        "monotonic": Patch(f"{HERE}:green_monotonic", part="clock"),
    }
    table = Table("time", rows)
    assert table.parts == {"clock"}

    def names(only: set[str] | None, *exclude: str) -> list[str]:
        chosen = None if only is None else frozenset(only)
        with apply([table], only=chosen, exclude=frozenset(exclude)) as applied:
            return [f"{r.patch}/{r.name}" for r in applied.records]

    assert names(None) == names({"time"}) == ["time/sleep", "clock/monotonic"]
    assert names({"clock"}) == ["clock/monotonic"]
    assert names(None, "clock") == names({"time"}, "clock") == ["time/sleep"]
    assert names(None, "time") == names({"clock"}, "time") == names(set()) == []


@in_fresh_python
def test_another_green_library_is_refused() -> None:
    def theirs(seconds: float) -> None: ...

    theirs.__module__ = "gevent.hub"
    time.sleep = theirs  # type: ignore[assignment]  # somebody else's
    monotonic = time.monotonic
    with pytest.raises(PatchConflictError, match=r"gevent has patched it already"):
        apply([CLOCKS])
    assert time.sleep is theirs
    assert time.monotonic is monotonic
    assert patched() == ()


@in_fresh_python
def test_a_module_that_was_dropped_is_restored_all_the_same() -> None:
    dropped = module("dropped", nap=time.sleep)
    applied = apply([Table("dropped", {"nap": Patch(f"{HERE}:green_sleep")})])
    del sys.modules["dropped"]
    applied.restore()
    assert dropped.nap is time.sleep


@in_fresh_python
def test_threads_that_patch_and_run_at_once() -> None:
    """Each attribute has one owner, and a running thread never finds one missing."""
    real, stop = time.sleep, threading.Event()
    errors: list[BaseException] = []
    owners: list[int] = []
    start = threading.Barrier(6)

    def use() -> None:
        start.wait()
        while not stop.is_set():
            try:
                time.sleep(0)
                assert isinstance(time.monotonic(), float)
            except BaseException as error:
                errors.append(error)
                return

    def set_and_undo() -> None:
        start.wait()
        try:
            for _ in range(300):
                with apply([CLOCKS]) as applied:
                    owners.append(len(applied.records))
                    assert len(applied.records) in (0, 1, 2)
        except BaseException as error:
            errors.append(error)

    users = [threading.Thread(target=use) for _ in range(2)]
    setters = [threading.Thread(target=set_and_undo) for _ in range(4)]
    for thread in (*users, *setters):
        thread.start()
    for thread in setters:
        thread.join()
    stop.set()
    for thread in users:
        thread.join()
    assert errors == []
    assert sum(owners) >= 2
    assert time.sleep is real
    assert patched() == ()


@in_fresh_python
def test_tables_are_read_without_their_greens() -> None:
    from greenbridge._patch_table import load_tables

    already = set(sys.modules)
    load_tables()
    assert {m.rpartition(".")[0] for m in set(sys.modules) - already} <= {
        "greenbridge",
        "greenbridge.patches",
    }


@in_fresh_python
def test_nothing_keeps_a_token_or_its_records_alive() -> None:
    applied = apply([SLEEP])
    applied.restore()
    gc.collect()
    assert not [o for o in gc.get_objects() if isinstance(o, _patching.Record)]


@in_fresh_python
def test_a_lazy_table_imports_nothing_and_is_applied_when_somebody_does() -> None:
    name = "multiprocessing.connection"
    with patch_all():
        assert name not in sys.modules
        before = importlib.import_module(name).Connection._recv
        assert before.__defaults__[0].__module__ == "greenbridge.green.os"
    after = sys.modules[name].Connection._recv
    assert after is not before
    with patch_all(only={"multiprocessing"}):
        assert sys.modules[name].Connection._recv is not after
    assert sys.modules[name].Connection._recv is after
    assert not hasattr(importlib.import_module("multiprocessing.popen_spawn_posix"), "open")
    with patch_all(exclude={"multiprocessing"}):
        assert sys.modules[name].Connection._recv is after
    assert not patched()


@in_fresh_python
def test_what_a_program_has_put_in_a_place_that_may_change_stays() -> None:
    first, second, third = object(), object(), object()
    place = module("place", thing=first, same=first)
    module("greens", thing=second, same=first)
    rows = {
        "thing": Patch("greens:thing", may_change=True),
        "same": Patch("greens:same", may_change=True),
    }
    with apply([Table("place", rows)]):
        assert place.thing is second
        assert [record.name for record in patched()] == ["thing"]
    assert place.thing is first
    with apply([Table("place", rows)]):
        place.thing = third  # type: ignore[attr-defined]
    assert place.thing is third
    assert not patched()
