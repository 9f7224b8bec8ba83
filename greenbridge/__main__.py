"""``python -m greenbridge``: run a program with the patches on; show the patches; a demo."""

from __future__ import annotations

from ._cli.parsing import main

if __name__ == "__main__":
    raise SystemExit(main())
