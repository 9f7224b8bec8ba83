"""One module a library, at most 40 lines each.

``call(client, number)`` makes one real round trip, in which the server lets it wait for
``LATENCY``, and returns what the server answered: *number*, so that answers that get mixed up
show. ``opened(server)``, a context manager, is optional and gives the *client* that all calls
share; without it ``call`` gets the server itself.
"""
