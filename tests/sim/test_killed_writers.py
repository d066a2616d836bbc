"""Histories of programs that are killed and have a journal, which drawn ones miss rarely."""

from __future__ import annotations

from typing import Final

import pytest

from fog_proving.sim.mutations import MUTATIONS
from fog_proving.sim.run import run
from fog_proving.sim.steps import Step

KNOWN: Final = {
    "only-the-last-epoch": (  # a program with a journal is killed between its final, which is lost, and its end
        Step("spawn", 0, 61),
        Step("count"),
        *2 * (Step("beat"),),
        Step("count"),
        Step("stop", 0, 4 * 5 + 1),
        Step("kill"),
        Step("bury"),
    ),
    "finals-for-ever": (  # its final arrived, the acknowledgement did not; it is killed, and found after the horizon
        Step("spawn", 0, 61),
        Step("count"),
        *2 * (Step("beat"),),
        Step("stop", 0, 4 * 4 + 1),
        Step("kill"),
        Step("beat"),
        *2 * (Step("very_long_wait", 0, 1),),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_rule_left_out_is_caught(name: str) -> None:
    """With the rule all is well, without it a promise is broken."""
    assert not run(KNOWN[name])
    assert run(KNOWN[name], name), MUTATIONS[name].rule
