"""CPython's own test suites, run from the installed Python under greenbridge's patches.

    python -m tests.stdlib --python PATH        compare with plain Python, strictly both ways

``suites.py`` lists the suites, ``known_differences.toml`` every case that may
differ, each with a reason and a link. Nothing of CPython's tests is copied here.
"""
