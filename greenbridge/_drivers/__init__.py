"""Stand-ins for libraries that wait in C, one module a library; see ``patches/drivers.py``.

Imported by the engine when the library itself is. Each falls through to the library's own
way of waiting where nothing can park.
"""
