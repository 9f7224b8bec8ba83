"""The benchmark program: ``python -m tests.benchmarks``. Side by side, never alone.

Every figure is taken in a fresh interpreter, since gevent, eventlet and
greenbridge cannot share one, and the peers take turns within a round, so that
a busy machine slows all of them alike. ``docs/benchmarks.md`` says how to read
the result; ``_workloads.py`` and ``_targets.py`` are the tables.
"""
