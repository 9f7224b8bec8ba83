"""Cooperative stand-ins for blocking stdlib modules, with the stdlib's names and signatures."""
