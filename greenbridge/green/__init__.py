"""Cooperative stand-ins for blocking stdlib modules, one module each, with the stdlib's signatures."""
