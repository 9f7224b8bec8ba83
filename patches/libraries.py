"""Libraries outside the stdlib: what is done to each when it is imported, or is already."""

from greenbridge._patching import Library

LIBRARIES: tuple[Library, ...] = ()
