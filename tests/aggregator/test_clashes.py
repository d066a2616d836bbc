"""Remembered ranks of families that clash are those found anew, whatever comes, goes and is decided."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest

from fog_aggregator.core.families.clashes import Clashes
from fog_aggregator.core.families.known import Family, FamilyKey
from fog_schema.frames import COUNTER, GAUGE, HISTOGRAM

NAMES = ("a", "a_total", "a_count", "b", "b_total", "c")


def anew(clashes: Clashes) -> dict[int, int]:
    """Return the rank as it follows from decisions, without what is remembered."""
    clashes._rank = None  # noqa: SLF001 - what is remembered
    return dict(clashes.rank())


@pytest.mark.parametrize("seed", range(20))
def test_the_remembered_rank_is_the_one_found_anew(seed: int) -> None:
    """Families come, are decided about, go, and come again under their numbers; a checkpoint is taken over."""
    random, clashes, families = Random(seed), Clashes(), list[Family]()
    for _ in range(60):
        match random.randrange(5):
            case 0 | 1:
                key = FamilyKey(random.choice(NAMES), random.choice((COUNTER, GAUGE, HISTOGRAM)), "")
                free = next((one for one, family in enumerate(families) if not family.is_known), len(families))
                families[free : free + 1] = [Family(key, "", ())]
                clashes.learn(families, final=random.random() < 0.5)
            case 2:
                present = [one for one in clashes.contested if random.random() < 0.7]
                holders = {one: random.random() for one in present}
                final, other = random.random() < 0.7, deepcopy(clashes)
                other._rank = None  # noqa: SLF001 - what is remembered
                for one in (clashes, other):
                    one.decide(families, present, holders, final=final)
                assert clashes.shown == other.shown
                assert clashes.hidden(present) == set(present) - clashes._fitting(present)  # noqa: SLF001 - without a shortcut
            case 3 if families:
                gone = random.randrange(len(families))
                families[gone] = Family(FamilyKey("", COUNTER, ""), "", ())
                clashes.forget_families([gone])
            case 4:
                before, clashes = clashes, Clashes()
                clashes.restore(before.image())
                assert not clashes.rank()  # until it has learnt the families
                clashes.learn(families, final=False)
        remembered = dict(clashes.rank())
        assert remembered == anew(clashes)
        assert list(remembered) == list(anew(clashes))
