"""Histories that once failed, here or in the simulator's own judgement: each of them holds."""

from __future__ import annotations

from typing import Final

import pytest

from fog_proving.sim.run import run
from fog_proving.sim.steps import Step

HELD: Final = {
    "a fleet is saved that is ahead of its stream, which lost its end and is read again from its start": (
        Step("fog", 28031, 30504),
        Step("spawn", 39179, 52644),
        Step("count", 38340, 63350),
        Step("beat", 47287, 36172),
        Step("tick", 13350, 50939),
        Step("count", 4537, 16722),
        Step("copy", 53670, 20950),
        Step("beat", 38256, 51046),
        Step("put_back", 44756, 40995),
        Step("count", 21211, 33669),
        Step("count", 40617, 10152),
        Step("read", 64528, 61505),
        Step("count", 21620, 33903),
        Step("second", 46254, 54172),
        Step("send", 1693, 6633),
        Step("checkpoint", 60993, 16141),
        Step("send", 31639, 50942),
        Step("outage", 61635, 23197),
    ),
    "a request to forget is of the very moment at which a frame is stored that was not read": (
        Step("spawn", 30620, 43315),
        Step("forget", 53703, 50147),
        Step("read", 56526, 57700),
        Step("send", 1992, 25688),
        Step("wait", 1447, 63187),
    ),
    "an older copy of the stream brings back a frame that was lost before it was read, after a request to forget": (
        Step("spawn", 56769, 12815),
        Step("beat", 61086, 21610),
        Step("copy", 61401, 42685),
        Step("forget", 44946, 435),
        Step("send", 19824, 58646),
        Step("lose", 62448, 45626),
        Step("read", 34001, 51851),
        Step("put_back", 58494, 44538),
        Step("second", 3062, 31591),
    ),
    "a node is forgotten while nothing is exported yet, and begins anew": (
        Step("spawn", 20440, 62068),
        Step("count", 12180, 9333),
        Step("stop", 54956, 22461),
        Step("copy", 21783, 14871),
        Step("spawn", 14137, 62491),
        Step("put_back", 64442, 43504),
        Step("very_long_wait", 51903, 55824),
        Step("crash", 22894, 40245),
        Step("crash", 62889, 61211),
        Step("forget", 45763, 4433),
        Step("beat", 57633, 51332),
    ),
    "an epoch that returned is read from its baseline again, as its later frames are lost": (
        Step("spawn", 44970, 7441),
        Step("flow", 19635, 11018),
        Step("read", 49393, 46337),
        Step("very_long_wait", 48787, 28231),
        Step("checkpoint", 58438, 23440),
        Step("beat", 24964, 50942),
        Step("count", 3262, 12666),
        Step("beat", 49123, 9464),
        Step("outage", 44115, 38922),
    ),
}
"""Histories in which the simulator once took for promised what is not, or the product broke a promise."""


@pytest.mark.parametrize("name", HELD)
def test_a_history_that_once_failed_holds(name: str) -> None:
    """No promise is broken."""
    assert not run(HELD[name])
