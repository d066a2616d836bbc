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


def test_a_final_that_is_too_long_for_its_stream_is_sent_in_parts() -> None:
    """Nobody sent anything before, and the stream takes no message of that length any more."""
    assert not run(
        (
            Step("spawn", 9289, 20998),
            Step("count", 31663, 29018),
            Step("refuse", 27191, 49826),
            Step("count", 23572, 55393),
            Step("count", 31544, 18341),
            Step("kill", 44382, 60557),
        )
    )


def test_the_final_that_is_repeated_in_parts_is_that_of_its_own_epoch() -> None:
    """The final of the epoch before had waited as well, and was taken first."""
    assert not run(
        (
            Step("spawn", 2978, 28941),
            Step("stop", 16674, 1571),
            Step("count", 22381, 6759),
            Step("refuse", 34490, 41103),
            Step("attach", 9992, 59770),
            Step("count", 37389, 25501),
            Step("count", 2466, 47553),
            Step("stop", 19503, 42705),
        )
    )
