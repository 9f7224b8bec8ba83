"""Imports in green threads: nobody sees a module that another one has not finished importing."""

from __future__ import annotations

from .both import as_plain_and_patched
from .fresh import in_fresh_python

SLOW = """
import socket, time
begun.append(1)
time.sleep(0.01)
near, far = socket.socketpair()
near.sendall(b"x")
far.recv(1)
near.close(), far.close()
time.sleep(0.01)
last = 1
"""


def write(**modules: str) -> None:
    """Make importable modules of these texts; *begun* is a list that all of them see."""
    import builtins
    import sys
    import tempfile
    from pathlib import Path

    folder = Path(tempfile.mkdtemp())
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    builtins.begun = []  # type: ignore[attr-defined]


def in_threads(*targets: object) -> list[object]:
    """Run each in a thread of its own; what they gave, or raised."""
    import threading
    from typing import Any

    results: dict[int, object] = {}

    def call(index: int, target: Any) -> None:
        try:
            results[index] = target()
        except BaseException as error:  # the test looks at it
            results[index] = error

    threads = [threading.Thread(target=call, args=pair) for pair in enumerate(targets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "it waits for ever"
    return [results[index] for index in range(len(targets))]


def load(statement: str, name: str) -> object:
    """What *statement* has bound *name* to."""
    names: dict[str, object] = {}
    exec(statement, names)
    return names[name]


@as_plain_and_patched
def test_many_threads_that_import_one_module_see_all_of_it() -> None:
    from functools import partial

    write(slow=SLOW)
    jobs = [partial(load, "from slow import last", "last") for _ in range(6)]
    assert in_threads(*jobs) == [1] * 6
    import builtins

    assert builtins.begun == [1], "the module ran once"  # type: ignore[attr-defined]


@as_plain_and_patched
def test_import_of_a_submodule_waits_for_its_package() -> None:
    import sys
    from functools import partial
    from pathlib import Path

    write()
    package = Path(sys.path[0]) / "package"
    package.mkdir()
    (package / "__init__.py").write_text(SLOW, encoding="utf-8")
    (package / "part.py").write_text("from package import last", encoding="utf-8")
    results = in_threads(
        partial(load, "import package; last = package.last", "last"),
        partial(load, "from package.part import last", "last"),
        partial(load, "import importlib; last = importlib.import_module('package').last", "last"),
    )
    assert results == [1, 1, 1]


@as_plain_and_patched
def test_circular_imports_of_two_threads_end_without_an_error() -> None:
    from functools import partial

    write(
        one="import time\ntime.sleep(0.01)\nimport two\nlast = 1\n",
        two="import time\ntime.sleep(0.01)\nimport one\nlast = 2\n",
    )
    results = in_threads(
        partial(load, "import one", "one"),
        partial(load, "import two", "two"),
    )
    assert not [error for error in results if isinstance(error, BaseException)]
    assert [load("import one", "one"), load("import two", "two")] == results


@as_plain_and_patched
def test_a_module_that_fails_holds_no_lock_and_may_be_tried_again() -> None:
    import sys
    from functools import partial

    import pytest

    write(broken="import time\nbegun.append(1)\ntime.sleep(0.01)\n1 / 0\n")
    results = in_threads(*[partial(load, "import broken", "broken") for _ in range(3)])
    # Who comes while it runs may get the module that failed: CPython's own import does that.
    assert ZeroDivisionError in {type(error) for error in results}
    assert "broken" not in sys.modules
    with pytest.raises(ZeroDivisionError):
        load("import broken", "broken")


@in_fresh_python
def test_native_and_green_threads_import_one_module() -> None:
    import greenbridge.auto  # isort: skip
    import builtins

    import greenbridge
    from greenbridge import native

    write(slow=SLOW)
    seen: list[object] = []

    def work() -> None:
        seen.append(load("from slow import last", "last"))

    def main() -> None:
        real = [native.Thread(target=work) for _ in range(3)]
        green = [greenbridge.spawn(work) for _ in range(3)]
        for thread in real:
            thread.start()
        for thread in real:
            thread.join()
        greenbridge.joinall(green)

    greenbridge.run(main)
    assert seen == [1] * 6
    assert builtins.begun == [1]  # type: ignore[attr-defined]


@in_fresh_python
def test_others_run_while_an_import_waits() -> None:
    import greenbridge.auto  # isort: skip
    import builtins
    import threading
    import time

    import greenbridge

    write(slow="go.wait()\nlast = 1\n")
    go = builtins.go = threading.Event()  # type: ignore[attr-defined]
    ticks: list[int] = []

    def tick() -> None:
        for _ in range(5):
            ticks.append(1)
            time.sleep(0.001)

    def main() -> None:
        importing = [greenbridge.spawn(load, "from slow import last", "last") for _ in range(2)]
        greenbridge.spawn(tick).join()
        assert not any(thread.ready() for thread in importing)
        go.set()
        assert [thread.get(timeout=20) for thread in importing] == [1, 1]

    greenbridge.run(main)
    assert len(ticks) == 5
