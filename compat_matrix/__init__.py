"""What works under greenbridge: a matrix of real runs.

``matrix.toml`` says what is to be shown, one row a library; ``scenarios/`` has the code of each
row, a real round trip against a real server; ``python -m compat_matrix`` runs the cells, each in a
process of its own, and writes what was seen to ``results.json``, from which ``docs/compat.md`` is
rendered. Nothing in ``results.json`` is written by hand.
"""
