"""Steps of a history as plain values: a history is a list of steps, drawn from a seed before anything runs.

A step's two numbers choose among whatever there is when it is done, so that any sub-list of a history is a history
too: a failing one can be made shorter by leaving steps out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple, TypeAlias


class Step(NamedTuple):
    """One thing that happens. `who` and `how` are taken modulo what there is to choose from."""

    kind: str
    who: int = 0
    how: int = 0


History: TypeAlias = list[Step]

ORDINARY: Final = {
    "count": 30,
    "event": 3,
    "beat": 9,
    "flow": 8,
    "tick": 4,
    "send": 10,
    "flush": 2,
    "read": 7,
    "second": 5,
    "checkpoint": 5,
    "wait": 4,
    "scrape": 6,
    "spawn": 3,
}
"""Steps of any fog, with their weights."""
FAULTS: Final = (
    {"remove": 4, "reset": 3},
    {"kill": 3, "bury": 4},
    {"stop": 4, "attach": 4},
    {"late": 3},
    {"ask": 2},
    {"crash": 3},
    {"away": 2, "start": 3},
    {"outage": 3},
    {"lose": 3},
    {"copy": 3, "put_back": 3},
    {"wipe": 1},
    {"trim": 3},
    {"refuse": 2},
    {"long_wait": 3, "very_long_wait": 3},
    {"pause": 3},
    {"forget": 3, "long_wait": 3},
    {"snapshot": 4, "ask": 4},
    {"strain": 6},
)
"""Faults and rare steps. A history has few kinds of them, often: two rare steps then meet in some histories."""
TIERED: Final = {
    "tier_flow": 12,
    "tier_read": 5,
    "tier_second": 4,
    "tier_tick": 4,
    "tier_send": 8,
    "tier_scrape": 4,
    "tier_checkpoint": 4,
    "tier_crash": 4,
    "tier_away": 2,
    "tier_start": 4,
    "tier_stop": 2,
}
"""Steps where a subtree has aggregators of its own, with their weights."""
UNTIERED: Final = frozenset({"snapshot", "strain"})
"""Steps that do not happen there: several aggregators would have to agree on them."""
CLOCKS: Final = (1, 4)
"""How many steps of servers' clocks a history has, if it has any; half of those have that have no small crowds."""
TIERS: Final = 0.25
"""How many histories have tiers."""
FOLDING: Final = frozenset({"very_long_wait"})
"""Steps that may close an epoch that has not ended; so may a crowd, which the first step allows."""

SCENES: Final[tuple[History, ...]] = (
    # An event is acknowledged, and lost together with one that was read, before anybody reads it; no other follows.
    [Step("event"), Step("beat"), Step("event"), Step("flow"), Step("lose", 1, 1), Step("beat")],
    # A live writer is not heard for hours and is forgotten; it has counted meanwhile, and comes back.
    [
        *(Step("count"), Step("beat")) * 2,
        *(Step("long_wait", 0, 1), Step("forget"), Step("read"), Step("second")),
        *(Step("count", 0, 5), Step("tick"), Step("send"), Step("read"), Step("kill")),
    ],
)
"""Scenes that may end a history: several rare steps that matter only close after each other."""

SCENES_OF_TIERS: Final[tuple[History, ...]] = (
    # A replica has said more than what it has read when it begins from nothing.
    [
        Step("spawn", 0, 1),
        *(Step("count"), Step("beat")) * 3,
        Step("tier_crash", 0, 4),
        *(Step("tier_read", 0, 1), Step("tier_second"), Step("tier_tick")),
    ],
)

DAMAGED: Final = (0, 0, 0, 1, 2)
"""How many of the newest checkpoints cannot be used any more, when an aggregator has crashed."""
LENGTH: Final = (30, 90)
SCENE: Final = 0.1
"""How many histories end with one of the scenes."""
_NUMBERS: Final = 2**16
ORDERS: Final = ("quarantine", "quarantine", "lift")
"""An operator takes a path out, or in again; several aggregators would have to agree on it, so not with tiers."""
ANEW: Final = 0.2
"""In how many histories with tiers a branch begins anew."""
ORDERED: Final = 0.3
"""How many of the other histories have such orders."""


def draw(rng: Random) -> History:
    """Return a history; the same for the same state of `rng`."""
    chosen: dict[str, int] = {}
    for kinds in FAULTS:
        if rng.random() < 0.35:
            often = rng.choice((1, 3))
            chosen |= {kind: weight * often for kind, weight in kinds.items()}
    first = Step("fog", rng.randrange(_NUMBERS), rng.randrange(_NUMBERS))
    tiers = rng.random() < TIERS
    if tiers:
        chosen = {kind: weight for kind, weight in chosen.items() if kind not in UNTIERED} | TIERED
        first = first._replace(how=0)
    if "snapshot" in chosen:  # what is repeated AND folded may be counted twice, and that is not promised
        chosen = {kind: weight for kind, weight in chosen.items() if kind not in FOLDING}
        first = first._replace(how=0)
    weights = ORDINARY | chosen
    drawn = rng.choices(list(weights), list(weights.values()), k=rng.randint(*LENGTH))
    drawn = _with_clocks(drawn, first)
    scenes = SCENES + (SCENES_OF_TIERS if tiers else ())
    steps = [first, *(Step(kind, rng.randrange(_NUMBERS), rng.randrange(_NUMBERS)) for kind in ("spawn", *drawn))]
    if tiers:
        steps.insert(1, Step("tiers"))
    steps += rng.choice(scenes) if rng.random() < SCENE else []
    if tiers and (apart := Random(f"anew {first.who} {first.how}")).random() < ANEW:
        steps.insert(apart.randint(3, len(steps)), Step("begin_anew", apart.randrange(_NUMBERS)))
    if not tiers and "clock" not in drawn and rng.random() < ORDERED:
        for _ in range(rng.randint(1, 6)):  # drawn last, so that all other histories are what they were before
            order = Step(rng.choice(ORDERS), rng.randrange(_NUMBERS), rng.randrange(_NUMBERS))
            steps.insert(rng.randint(2, len(steps)), order)
    return steps


def _with_clocks(kinds: list[str], first: Step) -> list[str]:
    """Put steps of servers' clocks among those that were drawn; the others stay as they were."""
    rng = Random(f"clocks {first.who} {first.how}")
    if first.how % 3 or rng.random() < 0.5:
        return kinds
    for _ in range(rng.randint(*CLOCKS)):
        kinds.insert(rng.randint(0, len(kinds)), "clock")
    return kinds


def shorten(history: Sequence[Step], fails: Callable[[History], bool]) -> History:
    """Shorten a failing history until no step of it can be left out (delta debugging; Zeller, 1999)."""
    steps, size = list(history), max(1, len(history) // 2)
    while True:
        at, shorter = 0, False
        while at < len(steps):
            rest = steps[:at] + steps[at + size :]
            if fails(rest):
                steps, shorter = rest, True
            else:
                at += size
        if size == 1 and not shorter:
            return steps
        size = max(1, size // 2)
