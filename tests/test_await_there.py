"""SQLAlchemy, awaitlet and greenback await in green code without the greenlet that each wants."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import await_, install, run_sync, sleep, spawn
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python
from .green import SHORT
from .test_install import needs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import FreshPython

#: Where the tests of drivers expect PostgreSQL; see compat_matrix/services.py.
POSTGRES = ("127.0.0.1", 5432)


def places(body: Callable[[], Any]) -> None:
    """Call *body* wherever code is green."""
    greenbridge.run(body)
    spawn(body).get()
    spawn(lambda: (await_(asyncio.sleep(0)), body())).get()

    async def main() -> None:
        body()
        await run_sync(body)
        await asyncio.create_task(call())

    async def call() -> None:
        body()

    asyncio.run(main())


# -- SQLAlchemy ----------------------------------------------------------------------------------


def models(prefix: str) -> Any:
    """Parents and their children, with relationships that load lazily, both ways."""
    from sqlalchemy import Column, ForeignKey, Integer
    from sqlalchemy.orm import declarative_base, relationship

    base: Any = declarative_base()

    class Parent(base):  # type: ignore[misc]
        __tablename__ = prefix + "_parent"
        id = Column(Integer, primary_key=True)
        children = relationship("Child", back_populates="parent")

    class Child(base):  # type: ignore[misc]
        __tablename__ = prefix + "_child"
        id = Column(Integer, primary_key=True)
        parent_id = Column(ForeignKey(Parent.id))
        parent = relationship("Parent", back_populates="children")

    return base, Parent, Child


def use_sessions(url: str) -> None:
    import sqlalchemy

    # The suites of several Pythons may use one server at once.
    base, parent, child = models(f"greenbridge_test_{os.getpid()}")
    engine = sqlalchemy.create_engine(url)
    base.metadata.create_all(engine)
    try:
        use_models(engine, parent, child)
    finally:
        base.metadata.drop_all(engine)
        engine.dispose()


def use_models(engine: Any, parent: Any, child: Any) -> None:
    import sqlalchemy
    from sqlalchemy.orm import Session

    with Session(engine) as session:
        session.add(parent(id=1, children=[child(id=1), child(id=2)]))
        session.commit()

    def read() -> tuple[list[int], int]:
        with Session(engine) as session:
            with assert_switches():
                found = session.get(parent, 1)
            with assert_switches():  # loaded lazily
                return [c.id for c in found.children], session.get(child, 2).parent.id

    assert read() == ([1, 2], 1)
    for thread in [spawn(read) for _ in range(10)]:  # more than the pool has: some wait for it
        assert thread.get() == ([1, 2], 1)
    with Session(engine) as session:
        session.execute(sqlalchemy.delete(child).where(child.id == 2))
        session.rollback()
        assert session.scalar(sqlalchemy.select(sqlalchemy.func.count(child.id))) == 2
    with pytest.raises(sqlalchemy.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sqlalchemy.insert(parent).values(id=1))


def use_async_sessions(url: str) -> None:
    """The asyncio API beside it, sync code with a blocking call in it included."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    engine = create_async_engine(url)

    def in_between(session: Any) -> int:
        with assert_switches():
            sleep(SHORT)
        return int(session.scalar(text("select 1")))

    async def use() -> int:
        async with AsyncSession(engine) as session:
            one = int(await session.scalar(text("select 1")))
            return one + int(await session.run_sync(in_between))

    assert await_(use()) == 2
    await_(engine.dispose())


def sessions(url: str) -> None:
    greenbridge.patch_all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # aiosqlite has no 3.15 yet, asyncpg deprecated names
        places(lambda: use_sessions(url))
        places(lambda: use_async_sessions(url))

    from sqlalchemy import create_engine
    from sqlalchemy.exc import MissingGreenlet

    with pytest.raises(MissingGreenlet):  # no green code
        create_engine(url).connect()


CALL_SESSIONS = "import sys\nfrom tests.test_await_there import sessions\nsessions(sys.argv[1])"


@needs("sqlalchemy.orm")
@needs("aiosqlite")
def test_a_plain_session_over_aiosqlite(fresh_python: FreshPython, tmp_path: Path) -> None:
    fresh_python(CALL_SESSIONS, f"sqlite+aiosqlite:///{tmp_path}/test.db")


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 1).close()
    except OSError:
        return False
    return True


@needs("sqlalchemy.orm")
@needs("asyncpg")
@pytest.mark.skipif(not _answers(POSTGRES), reason="no PostgreSQL runs here")
def test_a_plain_session_over_asyncpg(fresh_python: FreshPython) -> None:
    host, port = POSTGRES
    fresh_python(CALL_SESSIONS, f"postgresql+asyncpg://postgres@{host}:{port}/test")


@needs("sqlalchemy.orm")
@needs("aiosqlite")
@in_fresh_python
def test_rebind_serves_a_program_that_imported_sqlalchemy_before() -> None:
    import sqlalchemy
    from sqlalchemy.dialects.sqlite import aiosqlite

    greenbridge.patch_all()
    greenbridge.rebind("sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite+aiosqlite://")
    assert aiosqlite.__name__ in type(engine.dialect).__module__

    def body() -> Any:
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text("select 1")).scalar()

    if sqlalchemy.__version__ >= "2.1":  # before, the functions stand in classes, too
        assert greenbridge.run(body) == 1


# -- awaitlet and greenback ----------------------------------------------------------------------


@needs("awaitlet")
@in_fresh_python
def test_awaitlet_needs_no_async_def() -> None:
    import awaitlet

    with greenbridge.patch_all():

        def body() -> None:
            assert awaitlet.awaitlet(asyncio.sleep(SHORT, 1)) == 1
            with pytest.raises(ZeroDivisionError):
                awaitlet.awaitlet(fails())

        def sync(n: int) -> int:
            sleep(SHORT)
            with assert_switches():
                return n + int(awaitlet.awaitlet(asyncio.sleep(SHORT, 1)))

        places(body)
        places(lambda: _equal(await_(awaitlet.async_def(sync, 1)), 2))
        with pytest.raises(awaitlet.NoAwaitletContext):
            awaitlet.awaitlet(asyncio.sleep(0))


async def fails() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


def _equal(got: object, expected: object) -> None:
    assert got == expected


@needs("greenback")
@in_fresh_python
def test_greenback_needs_no_portal_in_green_code() -> None:
    import greenback

    with greenbridge.patch_all():

        async def asks() -> int:
            await greenback.ensure_portal()
            assert greenback.has_portal()
            return use() + int(await greenback.with_portal_run_sync(use))

        async def waits() -> int:
            await asyncio.sleep(SHORT)
            return 1

        looks_sync: Any = greenback.autoawait(waits)

        async def numbers() -> Any:
            yield 1
            await asyncio.sleep(0)

        def use() -> int:
            sleep(0)
            assert list(greenback.async_iter(numbers())) == [1]
            return int(looks_sync()) + int(greenback.await_(asyncio.sleep(SHORT, 1)))

        def body() -> None:
            assert greenback.has_portal()
            with assert_switches():
                assert use() == 2
            assert await_(asks()) == 4
            with pytest.raises(ZeroDivisionError):
                greenback.await_(fails())

        places(body)
        with pytest.raises(RuntimeError, match=r"async library|current"):
            greenback.await_(asyncio.sleep(0))


@needs("greenback")
@in_fresh_python
def test_a_portal_that_a_task_has_works_as_before_whether_patched_or_not() -> None:
    import greenback

    def use() -> int:
        sleep(0)  # in a plain Task it blocks
        return int(greenback.await_(asyncio.sleep(SHORT, 1)))

    async def with_portal() -> int:
        await greenback.ensure_portal()
        assert greenback.has_portal()
        return use() + int(await greenback.with_portal_run_sync(use))

    async def main() -> None:
        assert not greenback.has_portal()
        with pytest.raises(RuntimeError, match="portal"):
            use()
        assert await asyncio.create_task(with_portal()) == 2
        install()
        task = asyncio.create_task(with_portal())
        greenback.bestow_portal(task)
        assert greenback.has_portal(task)
        assert await task == 2

    asyncio.run(main())  # portals in green Tasks
    greenbridge.patch("greenback")
    asyncio.run(main())
    greenbridge.unpatch_all()
    asyncio.run(main())
    assert sys.modules["greenback"].await_.__module__ == "greenback._impl"
