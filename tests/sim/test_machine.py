"""Hypothesis drives the same fog: it looks for other histories than the drawn ones, and makes what it finds short."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, rule

from fog_proving.sim.books import Violation
from fog_proving.sim.steps import FAULTS, ORDINARY, TIERED, Step
from fog_proving.sim.world import World
from tests.examples import examples

NUMBERS = st.integers(0, 200)


class Fog(RuleBasedStateMachine):
    """Any steps in any order, small numbers, and a rest at the end. Every step checks what must hold at it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.broken = False

    @rule(kind=st.sampled_from(sorted(ORDINARY)), who=NUMBERS, how=NUMBERS)
    def ordinary(self, kind: str, who: int, how: int) -> None:
        """Take a step of any fog."""
        self._do(Step(kind, who, how))

    @rule(
        kind=st.sampled_from(sorted({kind for kinds in FAULTS for kind in kinds} - {"snapshot"})),
        who=NUMBERS,
        how=NUMBERS,
    )
    def fault(self, kind: str, who: int, how: int) -> None:
        """Take a fault. Nothing is promised to a repeated epoch that is closed: drawn histories keep the two apart."""
        self._do(Step(kind, who, how))

    @rule(kind=st.sampled_from(["tiers", *sorted(TIERED)]), who=NUMBERS, how=NUMBERS)
    def tier(self, kind: str, who: int, how: int) -> None:
        """Do something with the aggregators of a subtree and their root, if there are any."""
        self._do(Step(kind, who, how))

    @rule(who=NUMBERS, how=NUMBERS)
    def beats(self, who: int, how: int) -> None:
        """Somebody counts while all is well: else a short history has little to lose."""
        for step in (Step("spawn", who, how), Step("count", who, how), Step("beat"), Step("scrape")):
            self._do(step)

    def teardown(self) -> None:
        """Once it is quiet, everything is there."""
        if not self.broken:
            self.world.rest()

    def _do(self, step: Step) -> None:
        try:
            self.world.do(step)
        except Violation:
            self.broken = True
            raise


TestFog = Fog.TestCase
TestFog.settings = settings(max_examples=examples(25), stateful_step_count=30, deadline=None)
