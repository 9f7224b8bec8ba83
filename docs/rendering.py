"""What every docs/render_*.py does with its page: write it, or say whether it is current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ("run",)


def _nothing() -> None:
    pass


def run(
    page: Path,
    render: Callable[[], str],
    script: str,
    argv: Sequence[str] | None = None,
    before: Callable[[], None] = _nothing,
) -> int:
    """The program of *script*; returns its exit code.

    Args:
        page: the file that it writes.
        render: gives the whole of it, as Markdown.
        script: the file of the program.
        argv: its arguments; None is those of the process.
        before: called before the page is written, and not where it is only checked.
    """
    parser = argparse.ArgumentParser(description=f"Write {page.name}.")
    parser.add_argument("--check", action="store_true", help="only say whether the page is current")
    options = parser.parse_args(argv)
    text = render()
    if options.check:
        if page.exists() and page.read_text(encoding="utf-8") == text:
            return 0
        print(f"{page} is not current: run python docs/{Path(script).name}", file=sys.stderr)
        return 1
    before()
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    print(f"wrote {page}")
    return 0
