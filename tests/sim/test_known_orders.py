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
    "fallen-not-told": (  # an order comes into force within a batch; a checkpoint and a crash come before the next tick
        Step("spawn", 0, 5),
        Step("spawn", 1, 5),
        *3 * (Step("count", 0, 9), Step("count", 1, 17)),
        *2 * (Step("beat"),),
        Step("scrape"),
        Step("quarantine", 0, 2),
        *(Step("pause", 0, 1), Step("flow"), Step("flow", 1), Step("read")),
        *(Step("pause", 0, 1), Step("flow", 1), Step("read")),
        Step("checkpoint"),
        Step("crash"),
    ),
    "copies-are-new": (  # a stream loses its end, is read to where it ends, and is replaced by a copy that has the rest
        Step("spawn", 57488, 12349),
        Step("beat"),
        Step("send", 60272, 10310),
        *(Step("spawn", 23205, 63835), Step("spawn", 34614, 5818), Step("spawn", 51498, 65510)),
        *2 * (Step("beat"),),
        Step("quarantine", 1296, 55255),
        Step("copy", 24504, 23776),
        Step("flow", 25299, 858),
        Step("outage", 51402, 2577),
        Step("put_back", 48276, 27415),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_history_is_clean_with_the_rule_and_broken_without(name: str) -> None:
    """No promise is broken with the rule, and one is without it."""
    assert run(KNOWN[name]) == ""
    assert run(KNOWN[name], name)
