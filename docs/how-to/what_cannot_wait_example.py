"""Calls that no patch can make green; see what-cannot-wait.md."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

import greenbridge

if TYPE_CHECKING:
    from pathlib import Path


# --8<-- [start:offload]
def checksum(path: Path) -> str:
    return greenbridge.offload(slow_checksum, path)


def slow_checksum(path: Path) -> str:  # reads a file and computes: runs in a real OS thread
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --8<-- [end:offload]


# --8<-- [start:module]
legacy = greenbridge.offload_module("sqlite3", same_thread=True)


def count(path: Path) -> int:
    with legacy.connect(path) as connection:  # isinstance(connection, sqlite3.Connection)
        rows: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.close()
    return rows


# --8<-- [end:module]


# --8<-- [start:no_switch]
def transfer(accounts: dict[str, int], amount: int) -> None:
    with greenbridge.no_switch():  # nobody sees the accounts half changed
        accounts["from"] -= amount
        accounts["to"] += amount


# --8<-- [end:no_switch]


def test_offload(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    assert greenbridge.run(checksum, file) == slow_checksum(file)


def test_offload_module(tmp_path: Path) -> None:
    assert greenbridge.run(count, tmp_path / "database") == 0


def test_offload_is_a_real_thread() -> None:
    def other_thread() -> bool:
        return greenbridge.offload(threading.get_native_id) != threading.get_native_id()

    assert greenbridge.run(other_thread)


def test_no_switch() -> None:
    accounts = {"from": 10, "to": 0}
    greenbridge.run(transfer, accounts, 4)
    assert accounts == {"from": 6, "to": 4}


def waits_inside() -> None:
    with greenbridge.no_switch():
        greenbridge.sleep(0.01)


def test_no_switch_refuses_to_wait() -> None:
    with pytest.raises(greenbridge.SwitchForbiddenError):
        greenbridge.run(waits_inside)
