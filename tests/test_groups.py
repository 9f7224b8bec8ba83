"""joinall, wait, iwait, killall; Group and Pool."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import Group, Pool, await_, iwait, joinall, killall, sleep, spawn, wait
from greenbridge.testing import statistics

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Boom(Exception):
    pass


def fail() -> None:
    raise Boom


def rounds(count: int, value: int) -> int:
    """Return *value* after *count* rounds of the hub: in an order that no load can change."""
    for _ in range(count):
        sleep(0)
    return value


def after(seconds: float, value: int) -> int:
    sleep(seconds)
    return value


@in_green
def test_joinall_waits_for_all_and_returns_them() -> None:
    threads = [spawn(after, SHORT, i) for i in range(5)]
    assert set(joinall(threads)) == set(threads)
    assert all(thread.ready() for thread in threads)
    assert list(joinall([])) == []


@in_green
def test_joinall_with_a_timeout_and_a_count() -> None:
    quick, slow = spawn(after, SHORT, 1), spawn(sleep, LONG)
    assert joinall([slow, quick], timeout=3 * SHORT) == [quick]
    more = spawn(after, SHORT, 1)
    assert joinall([slow, more], count=1) == [more]
    assert joinall([slow], timeout=0) == []
    assert not slow._links
    slow.kill()


@in_green
def test_joinall_raises_the_first_error_if_asked() -> None:
    slow = spawn(sleep, LONG)
    with pytest.raises(Boom):
        joinall([slow, spawn(fail)], raise_error=True)
    assert not slow.ready()
    failed = spawn(fail)
    joinall([failed])
    assert isinstance(failed.exception, Boom)
    slow.kill()


@in_green
def test_iwait_yields_in_the_order_of_the_ends() -> None:
    threads = [spawn(rounds, count, i) for i, count in enumerate((30, 10, 20))]
    assert [thread.get() for thread in iwait(threads)] == [1, 2, 0]
    assert [thread.get() for thread in wait(threads, count=2)] == [0, 1]
    for thread in iwait([spawn(sleep, LONG)], timeout=SHORT):
        raise AssertionError(thread)


@in_green
def test_iwait_that_is_left_early_leaves_no_links() -> None:
    threads = [spawn(sleep, LONG), spawn(sleep, 0)]
    for _ in iwait(threads):
        break
    assert not threads[0]._links
    killall(threads)


@in_green
def test_killall() -> None:
    threads = [spawn(sleep, LONG) for _ in range(5)]
    sleep(0)
    threads.append(spawn(sleep, LONG))
    killall(threads)
    assert all(isinstance(thread.value, greenbridge.GreenExit) for thread in threads)
    threads = [spawn(sleep, LONG)]
    sleep(0)
    killall(threads, Boom, block=False)
    assert not threads[0].ready()
    joinall(threads)
    assert isinstance(threads[0].exception, Boom)


@in_green
def test_bad_timeouts_are_refused_before_anything_happens() -> None:
    thread = spawn(sleep, LONG)
    sleep(0)
    calls: list[Callable[[float], Any]] = [
        lambda bad: joinall([thread], bad),
        lambda bad: wait([thread], bad),
        lambda bad: next(iwait([thread], bad)),
        lambda bad: killall([thread], timeout=bad),
        lambda bad: Group([thread]).join(bad),
        lambda bad: Group([thread]).kill(timeout=bad),
    ]
    for call in calls:
        for bad in (-1, float("nan")):
            with pytest.raises(greenbridge.BadTimeoutError):
                call(bad)
    sleep(0)
    assert not thread.ready()
    thread.kill()


# -- Group -------------------------------------------------------------------------------------


@in_green
def test_a_group_holds_threads_until_they_end() -> None:
    group = Group()
    thread = group.spawn(after, SHORT, 1)
    other = spawn(sleep, LONG)
    group.add(other)
    assert len(group) == 2
    assert thread in group
    assert set(group) == {thread, other}
    assert not group.join(timeout=3 * SHORT)
    assert list(group) == [other]
    group.discard(other)
    assert group.join()
    assert not other.ready()
    assert not other._links
    other.kill()


@in_green
def test_a_group_can_be_killed() -> None:
    group = Group()
    threads = [group.spawn(sleep, LONG) for _ in range(3)]
    sleep(0)
    group.kill()
    assert not group
    assert all(thread.ready() for thread in threads)


@in_green
def test_group_join_raises_errors_if_asked() -> None:
    group = Group()
    group.spawn(fail)
    with pytest.raises(Boom):
        group.join(raise_error=True)


@in_green
def test_map_and_its_kin() -> None:
    for group in (Group(), Pool(2), Pool()):
        assert group.map(after, [2 * SHORT, SHORT, 0], [1, 2, 3]) == [1, 2, 3]
        assert list(group.imap(after, [SHORT, 0], [1, 2])) == [1, 2]
        assert group.apply(after, (0,), {"value": 5}) == 5
        assert sorted(group.imap_unordered(after, [SHORT, 0], [1, 2])) == [1, 2]
        assert group.map(str, []) == []
    assert list(Group().imap_unordered(rounds, [30, 10, 20], [1, 2, 3])) == [2, 3, 1]


@in_green
def test_map_raises_and_stops_what_still_runs() -> None:
    group = Group()

    def body(i: int) -> None:
        if i == 1:
            fail()
        sleep(LONG if i == 2 else 0)

    for call in (group.map, group.imap, group.imap_unordered):
        with pytest.raises(Boom):
            list(call(body, range(3)))
        assert group.join(LONG / 3)


@in_green
def test_imap_that_is_left_early_kills_the_rest() -> None:
    group = Group()
    for _ in group.imap_unordered(after, [0, LONG], [1, 2]):
        break
    assert group.join(LONG / 3)
    results: Iterator[int] = group.imap(after, [0, LONG], [1, 2])
    assert next(results) == 1
    del results
    assert group.join(LONG / 3)


# -- Pool --------------------------------------------------------------------------------------


@in_green
def test_a_pool_bounds_what_runs_at_once() -> None:
    pool = Pool(3)
    running = most = 0

    def body() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        sleep(0)
        running -= 1

    for _ in range(10):
        pool.spawn(body)
        assert len(pool) <= 3
    pool.join()
    assert most == 3
    assert pool.free_count() == 3


@in_green
def test_a_pool_serves_those_who_wait_for_room_in_order() -> None:
    pool = Pool(1)
    order: list[int] = []
    pool.spawn(sleep, SHORT)
    spawners = [spawn(pool.spawn, order.append, i) for i in range(5)]
    joinall(spawners)
    pool.join()
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("promoted", [False, True])
@in_green
def test_a_killed_spawner_gives_its_place_to_the_next(promoted: bool) -> None:
    rng = random.Random(1)
    pool = Pool(2)
    done: list[int] = []

    def work(i: int) -> None:
        sleep(rng.random() * SHORT / 10)
        done.append(i)

    def spawner(i: int) -> None:
        if promoted:
            await_(asyncio.sleep(0))
        pool.spawn(work, i)

    for _ in range(30):
        spawners = [spawn(spawner, i) for i in range(10)]
        for _ in range(10):
            sleep(rng.random() * SHORT / 10)
            rng.choice(spawners).kill(block=False)
        joinall(spawners, timeout=LONG / 3)
        assert all(thread.ready() for thread in spawners)
        assert pool.join(LONG / 3)
        assert pool.free_count() == 2
        assert not pool._waiting
        assert pool._reserved == 0
    assert statistics()["threads"] == 0


@in_green
def test_a_killed_pool_lets_the_waiting_in() -> None:
    pool = Pool(1)
    pool.spawn(sleep, LONG)
    waiting = spawn(pool.spawn, str)
    sleep(0)
    pool.kill()
    waiting.join(LONG / 3)
    assert waiting.ready()
    pool.join()


def test_pools_refuse_bad_sizes_and_spawn_where_nothing_can_wait() -> None:
    for size in (0, -1):
        with pytest.raises(ValueError, match="at least one"):
            Pool(size)

    async def main() -> None:
        pool = Pool(1)
        pool.spawn(sleep, LONG)
        with pytest.raises(greenbridge.BlockingSwitchError, match="full"):
            pool.spawn(sleep, LONG)
        assert len(pool) == 1

    asyncio.run(main())
