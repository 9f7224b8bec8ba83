"""``python -m greenbridge demo``: the same blocking client run in three ways, side by side."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .._demo.driver import (
    CLIENT,
    SEQUENCE_LIMIT_S,
    WAYS,
    DemoError,
    Measured,
    allow_open_files,
    measure,
    serving,
)
from .._errors import GreenbridgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The exit code after Ctrl-C, as a shell has it: 128 + SIGINT.
_INTERRUPTED: Final = 130
_PLAIN_WIDTH: Final = 100  # columns of output that goes to a file or a pipe


def demo(*, requests: int, latency: float, loop: str | None, as_json: bool, show: bool) -> int:
    """Run the demo and print its table or JSON; returns the exit code, 0 if nothing failed."""
    try:
        loop = _loop_name(loop)
        allow_open_files(requests)
        if show and not as_json:
            _show_client()
        with serving(latency) as ports, _progress(requests, quiet=as_json) as follow:
            found = [
                measure(way, requests=requests, loop=loop, ports=ports, progress=follow(way))
                for way in WAYS
            ]
    except (DemoError, GreenbridgeError) as error:
        print(f"python -m greenbridge demo: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _INTERRUPTED
    well = not any(row.failed or row.error for row in found)
    if as_json:
        report = {
            "python": platform.python_version(),
            "loop": loop,
            "requests": requests,
            "latency_s": latency,
            "ok": well,
            "ways": [dataclasses.asdict(row) for row in found],
        }
        if show:
            report["client"] = CLIENT.read_text(encoding="utf-8")
        print(json.dumps(report, indent=2))
    else:
        _print_table(found, requests, latency, loop)
    return 0 if well else 1


def _loop_name(wanted: str | None) -> str:
    from .._loops import factory_named

    if wanted is None:
        try:
            factory_named("uvloop")
        except GreenbridgeError:
            return "asyncio"
        return "uvloop"
    factory_named(wanted)
    return wanted


def _show_client() -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    source = CLIENT.read_text(encoding="utf-8")
    if sys.stdout.isatty():
        Console().print(Syntax(source, "python"))
    else:
        print(source)


@contextmanager
def _progress(requests: int, *, quiet: bool) -> Iterator[Callable[[str], Callable[[int], None]]]:
    """Show on stderr how far each way is: a bar in a terminal, else a line when it starts."""
    if not sys.stderr.isatty():

        def start(way: str) -> Callable[[int], None]:
            if not quiet:
                print(f"{WAYS[way]}: {requests} requests ...", file=sys.stderr, flush=True)
            return lambda done: None

        yield start
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def start_bar(way: str) -> Callable[[int], None]:
            for task in bars.task_ids:
                bars.stop_task(task)
            task = bars.add_task(WAYS[way], total=requests)
            return lambda done: bars.update(task, completed=done)

        yield start_bar


def _print_table(found: list[Measured], requests: int, latency: float, loop: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    table = Table(
        title=f"{requests} requests, each answered after {latency:g} s, half of them over TLS",
        caption=f"Python {platform.python_version()}, {loop}. A heartbeat beats every 10 ms in the "
        "same asyncio app; a gap is how long that app stood still.",
    )
    table.add_column("the client runs", no_wrap=True)
    for title in ("requests", "seconds", "peak memory", "OS threads", "largest gap"):
        table.add_column(title, justify="right")
    for row in found:
        memory = "-" if row.peak_memory_bytes is None else f"{row.peak_memory_bytes / 1e6:.1f} MB"
        failed = f" [red]({row.failed} failed)[/]" if row.failed else ""
        table.add_row(
            WAYS[row.way],
            f"{row.requests}{failed}",
            f"{row.seconds:.2f}",
            memory,
            str(row.os_threads),
            _duration(row.largest_gap_s),
        )
    console.print(table)
    for row in found:
        if row.error:
            console.print(f"{WAYS[row.way]}: {row.error}", style="red", markup=False)
        elif row.requests < requests:
            console.print(
                f"{WAYS[row.way]}: stopped after {SEQUENCE_LIMIT_S:g} s; all {requests} would take "
                f"about {row.seconds / row.requests * requests:.0f} s"
            )
    console.print(f"The client is {CLIENT}, unmodified (--show shows it).", soft_wrap=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
