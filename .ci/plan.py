"""Which of CPython's suites are run on which Python today: what is dear takes turns.

The rule, which needs no memory and gives the same answer to everybody on the same day:

* A suite that costs at most ``DEAR`` seconds is run on every Python, every time.
* A dearer one is run every time on the oldest and on the newest Python that is there.
* On the Pythons between, the dear ones are put in a row, by version and name, and cut into groups
  that fit into what the budget leaves. The day of the year, modulo the number of groups, says
  whose turn it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds above which a suite is dear.
DEAR = 25.0


class Costed(Protocol):
    """A suite, as far as it matters here."""

    @property
    def name(self) -> str: ...
    @property
    def cost(self) -> float: ...


@dataclass
class Plan:
    """What is run today, and what is not."""

    chosen: dict[str, list[Costed]]
    #: The groups that take turns, and the number of the one that is run.
    groups: list[list[tuple[str, Costed]]] = field(default_factory=list)
    turn: int = 0

    @property
    def left_out(self) -> list[tuple[str, Costed]]:
        """Python and suite of what is not run."""
        return [pair for n, group in enumerate(self.groups) if n != self.turn for pair in group]

    def cost(self, series: str) -> float:
        """Seconds that the suites of one Python take, one after another."""
        return sum(suite.cost for suite in self.chosen[series])


def make(
    suites: Mapping[str, Sequence[Costed]], capacity: float, day: int, everything: bool
) -> Plan:
    """Plan a run.

    Args:
        suites: what each Python has, oldest first.
        capacity: seconds of suites, one after another, that fit into the budget.
        day: of the year.
        everything: whether all are to be run, whatever they cost.
    """
    pythons = list(suites)
    ends = {*pythons[:1], *pythons[-1:]}
    if everything:
        ends = set(pythons)
    plan = Plan({s: [x for x in suites[s] if x.cost <= DEAR or s in ends] for s in pythons})
    dear = [(s, x) for s in pythons for x in suites[s] if x not in plan.chosen[s]]
    left = capacity - sum(plan.cost(series) for series in pythons)
    for series, suite in dear:
        spent = sum(x.cost for _, x in plan.groups[-1]) if plan.groups else 0.0
        # At least one has its turn each day, even where the budget is spent already.
        if not plan.groups or spent + suite.cost > left:
            plan.groups.append([])
        plan.groups[-1].append((series, suite))
    if plan.groups:
        plan.turn = day % len(plan.groups)
        for series, suite in plan.groups[plan.turn]:
            plan.chosen[series].append(suite)
    return plan
