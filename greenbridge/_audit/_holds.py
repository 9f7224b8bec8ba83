"""One hold: who held the loop, where, for how long, and what to write instead."""

from __future__ import annotations

import dataclasses
import linecache
from typing import TYPE_CHECKING, Final, Literal, final

from ._advice import Cause, advise
from ._callees import Callee, callee_of

if TYPE_CHECKING:
    from ._stacks import Place, Stack, Trail

# Less of a hold than this on a CPU: it has waited.
_COMPUTES: Final = 0.5
# So many of the samples at one instruction: it is one call. The last sample may be past it.
_ONE_CALL: Final = 0.7
_FRAMES: Final = 40  # of a stack are told


#: Of another thread that wanted it: it had it at once, it had to ask and then waited for some
#: milliseconds, as Python code gives it up, or it had to wait for most of the time.
Gil = Literal["free", "asked for", "kept"]


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """Something that kept an event loop from running for longer than the limit.

    What :class:`Strict` hands to its ``report``, and what ``python -m greenbridge audit`` lists.
    """

    #: ``call``: one call that waited. ``computation``: code that used the CPU, in C or in Python.
    kind: Literal["call", "computation"]
    #: Seconds, those that are certain: the true time may be a quarter of the limit more.
    seconds: float
    #: What was called or which function computed, as far as that is known: ``time.sleep``.
    what: str
    #: The green thread, the Task or the callback that ran.
    who: str
    #: Where in the program, its innermost frame that is neither the stdlib's nor a library's.
    file: str
    line: int
    function: str
    #: The source of that line.
    code: str
    #: Why it holds the loop up.
    why: str
    #: The line to write instead.
    instead: str
    #: Nothing else in the process could run either: the call kept the GIL.
    holds_gil: bool
    #: ``(file, line, function)`` of each frame, innermost first.
    stack: tuple[tuple[str, int, str], ...]

    @property
    def where(self) -> tuple[str, int, str]:
        """What makes it the same as another one: file and line in the program, and what."""
        return self.file, self.line, self.what

    def __str__(self) -> str:
        took = "computed" if self.kind == "computation" else "blocked"
        gil = ", with the GIL held" if self.holds_gil else ""
        return (
            f"{self.what} at {self.file}:{self.line} ({self.function}, in {self.who}) {took} for "
            f"{self.seconds:.2f} s{gil}, and nothing else on its event loop ran. {self.why} "
            f"Write: {self.instead}"
        )


def note_calls(trail: Trail) -> None:
    """Look up what is called, while it is: later the variables may have other values."""
    seen = trail.often()
    if seen.frames and seen.calls is None:
        seen.calls = _calls(seen)


def _calls(seen: Stack) -> tuple[Callee | None, Callee | None]:
    """What the innermost frame calls, and what the program calls in its own innermost frame."""
    at = seen.places.index(_in_program(seen.places))
    inner = callee_of(seen.frames[0], seen.lastis[0], seen.places[0])
    outer = inner if at == 0 else callee_of(seen.frames[at], seen.lastis[at], seen.places[at])
    return inner, outer


def judge(trail: Trail, seconds: float, burnt: float, gil: Gil) -> Hold | None:
    """What the samples in *trail* show; None if nobody in particular held the loop.

    Args:
        trail: the samples.
        seconds: how long the hold was, without what is not certain.
        burnt: seconds of it on the CPU.
        gil: what it was like to take it meanwhile.
    """
    waits = burnt < _COMPUTES * seconds
    seen = trail.often()
    if not seen.frames:
        return None
    note_calls(trail)
    callee, outer = seen.calls
    stack = list(seen.places)
    kept = gil == "kept" and not waits
    # Python code gives the GIL up at a few instructions only, so it is seen at the same again.
    one = seen.count >= _ONE_CALL * trail.count and (waits or gil == "free")
    if not (kept or one):
        # It moves, so what all samples have in common is who computes.
        callee = None
        skip = len(stack) - trail.common
        if skip > stack.index(_in_program(stack)):
            outer = None
        stack = stack[skip:]
    place = _in_program(stack)
    cause = Cause(callee, outer, tuple(stack), waits=waits, gil=kept)
    advice = advise(cause)
    return Hold(
        kind="call" if waits else "computation",
        seconds=round(seconds, 4),
        what=cause.name,
        who=trail.who,
        file=place.file,
        line=place.line,
        function=place.function,
        code=linecache.getline(place.file, place.line).strip(),
        why=advice.why,
        instead=advice.instead,
        holds_gil=cause.gil,
        stack=tuple((p.file, p.line, p.function) for p in stack[:_FRAMES]),
    )


def _in_program(stack: list[Place]) -> Place:
    for kind in ("program", "library", "stdlib"):
        for place in stack:
            if place.kind == kind:
                return place
    return stack[0]
