"""Rules about an operator's orders that drawn histories miss: for each a short history that needs it."""

from __future__ import annotations

from typing import Final

import pytest

from fog_proving.sim.run import run
from fog_proving.sim.steps import Step

KNOWN: Final = {
    "lifted-are-old": (  # a writer counts on while it is out for longer than the horizon
        Step("spawn", 0, 1),
        Step("count", 0, 9),
        *2 * (Step("beat"),),
        Step("quarantine", 0, 2),
        Step("beat"),
        *2 * (Step("very_long_wait", 0, 2),),
        Step("lift"),
        Step("second"),
    ),
    "quarantined-retire": (  # a writer is killed, and taken out for longer than the horizon
        Step("spawn", 0, 1),
        Step("count", 0, 9),
        *2 * (Step("beat"),),
        Step("kill"),
        Step("quarantine", 0, 2),
        Step("beat"),
        *2 * (Step("very_long_wait", 0, 2),),
        Step("second"),
    ),
    "lies-stay-exported": (  # two nodes count fractions, and one of them is taken out
        Step("spawn", 0, 5),
        Step("spawn", 1, 5),
        *3 * (Step("count", 0, 9), Step("count", 1, 17)),
        *2 * (Step("beat"),),
        Step("scrape"),
        Step("quarantine", 0, 2),
        *2 * (Step("beat"),),
        Step("scrape"),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_history_is_clean_with_the_rule_and_broken_without(name: str) -> None:
    """No promise is broken with the rule, and one is without it."""
    assert run(KNOWN[name]) == ""
    assert run(KNOWN[name], name)
