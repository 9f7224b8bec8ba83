"""What docs/errors.md says about each error code, beyond the class's own first line.

Data only. docs/render_errors.py puts it on the page; tests/test_errors.py wants a note for
each class, and every `instead` to be valid Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Note:
    """Why the error happens, what state it leaves, and the lines to write instead."""

    why: str
    instead: str


NOTES: Final[dict[str, Note]] = {
    "GB000": Note(
        "The base class: catch it to catch everything below. It is never raised itself.",
        """
try:
    greenbridge.patch_all(only={"tiem"})
except greenbridge.GreenbridgeError as error:
    print(error.code)
""",
    ),
    "GB101": Note(
        "`await_` parks its caller until the awaitable is done, so the caller must be something "
        "that can be parked: a green thread, or a Task whose coroutine runs in a greenlet. A "
        "plain function, a native thread, or a Task made before `install()` is neither. Nothing "
        "was awaited; a coroutine object that was passed has been closed.",
        """
# in a plain program: start the loop
greenbridge.run(legacy, url)

# in an asyncio application: give the function a green thread of its own
await greenbridge.run_sync(legacy, url)
""",
    ),
    "GB102": Note(
        "Usually a function was passed instead of what it returns, or an `async def` was given to "
        "a function that takes an ordinary one.",
        """
greenbridge.await_(fetch(url))  # the call, not the function
""",
    ),
    "GB103": Note(
        "Inside `with no_switch():` no other green thread may run, and the call had to wait. It "
        "is raised before the wait begins, so nothing was consumed.",
        """
data = sock.recv(4096)  # wait first
with greenbridge.no_switch():
    table.update(parse(data))  # then change what others must not see half changed
""",
    ),
    "GB104": Note(
        "A callback (`loop.call_soon`, a signal handler, a future's done callback) runs in the "
        "loop itself: while it waits, nothing can happen that would end the wait.",
        """
loop.call_soon(lambda: greenbridge.spawn(work))  # the green thread may wait
""",
    ),
    "GB105": Note(
        "A warning, of `install(strict=...)`, `run(..., strict=...)` and `--strict`: an original "
        "blocking call, a C library that waits on its own, or a computation. Its text says where, "
        "for how long, and what to write; see [Find what blocks](how-to/find-what-blocks.md). It "
        "comes when the hold is over, once for each place, and changes nothing in the program.",
        """
digest = greenbridge.offload(hashlib.scrypt, password, salt=salt, n=2**14, r=8, p=1)
""",
    ),
    "GB201": Note(
        "An OS thread runs one loop, and `run()` starts one. Inside a running loop there is "
        "already everything that is needed. The running loop goes on as before.",
        """
await greenbridge.run_sync(main)  # in a coroutine
threading.Thread(target=greenbridge.run, args=(main,)).start()  # or a loop elsewhere
""",
    ),
    "GB202": Note(
        "A future, a Task or a green thread belongs to the loop that made it. Awaiting it on "
        "another loop would wake it in the wrong OS thread; a closed loop would never wake it at "
        "all.",
        """
asyncio.run_coroutine_threadsafe(coro, other_loop)  # hand the work to the loop it belongs to
""",
    ),
    "GB203": Note(
        "The loop has ended, and what was parked on it has been unwound. A `finally` block or a "
        "destructor that waits at that point comes too late.",
        """
with greenbridge.Group() as group:  # ends its green threads while the loop still runs
    group.spawn(work)
""",
    ),
    "GB301": Note(
        "greenbridge's own functions take seconds, 0 or more, or `None` for no limit. Stand-ins "
        "for stdlib functions keep the stdlib's rules instead. Usually a deadline has passed and "
        "the remainder was computed below zero.",
        """
greenbridge.sleep(max(0.0, deadline - time.monotonic()))
""",
    ),
    "GB401": Note(
        "Nothing was patched. `python -m greenbridge patches` lists the names.",
        """
greenbridge.patch_all(only={"time", "socket", "dns"})
""",
    ),
    "GB402": Note(
        "Undoing would have thrown away what somebody else put there, so nothing was undone. Undo "
        "in the opposite order, last patched first.",
        """
with greenbridge.patch_all():
    with other_library.patched():
        work()
""",
    ),
}
