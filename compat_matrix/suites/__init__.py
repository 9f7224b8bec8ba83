"""Public test suites, run plain and under greenbridge: the results must be the same.

``suites.toml`` says which suites, how they are run, and which tests may differ, each with a reason.
``python -m compat_matrix suites`` runs them, compares, and writes what was seen to ``suites.json``,
from which ``docs/suites.md`` is rendered. Nothing of the suites is copied here: a suite comes from
its own source archive, pinned, into a cache folder, and runs in a virtual environment of its own.
"""
