"""SQLAlchemy's asyncio drivers under a plain Session; see await-from-sync.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import greenbridge

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("aiosqlite", reason="the extra compat is not installed")
pytest.importorskip("sqlalchemy", reason="the extra compat is not installed")

from sqlalchemy import Column, ForeignKey, Integer, create_engine
from sqlalchemy.orm import Session, declarative_base, relationship

Base = declarative_base()


class Order(Base):  # type: ignore[misc, valid-type]
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    lines = relationship("Line")


class Line(Base):  # type: ignore[misc, valid-type]
    __tablename__ = "lines"
    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"))


# --8<-- [start:session]
def load(url: str) -> list[int]:
    engine = create_engine(url)  # "postgresql+asyncpg://...", "sqlite+aiosqlite:///..."
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Order(id=1, lines=[Line(id=7), Line(id=8)]))
        session.commit()
        found = [line.id for line in session.get_one(Order, 1).lines]  # loaded lazily: it awaits
    engine.dispose()  # while there is a loop to close the connections on
    return found


# --8<-- [end:session]


def test_a_plain_session_awaits(tmp_path: Path) -> None:
    with greenbridge.patch("sqlalchemy"):
        assert greenbridge.run(load, f"sqlite+aiosqlite:///{tmp_path}/test.db") == [7, 8]
