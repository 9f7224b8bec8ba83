"""Servers that scenarios talk to. Each module is a program.

It prints one line of JSON with where it listens (``{"port": 1234}``) and ends when its standard
input does, so it cannot outlive a run.
"""
