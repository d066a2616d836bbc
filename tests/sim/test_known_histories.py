"""Rules that drawn histories miss rarely: for each the short history in which the simulator once missed it."""

from __future__ import annotations

from typing import Final

import pytest

from fog_proving.sim.mutations import MUTATIONS
from fog_proving.sim.run import run
from fog_proving.sim.steps import Step

KNOWN: Final = {
    "nobody-asked": (
        Step("spawn", 19011, 60551),
        Step("spawn", 22224, 44852),
        Step("count", 13527, 9648),
        Step("spawn", 21307, 12611),
        Step("very_long_wait", 13863, 53248),
        Step("send", 11099, 293),
        Step("beat", 57746, 20317),
        Step("beat", 9089, 47846),
        Step("spawn", 1201, 4199),
        Step("count", 7497, 56568),
        Step("beat", 36059, 19588),
        Step("start", 17872, 35113),
        Step("outage", 35145, 61677),
    ),
    "nothing-beyond-a-gap": (
        Step("spawn", 63077, 35900),
        Step("beat", 59675, 16506),
        Step("flow", 48548, 8093),
        Step("lose", 29006, 55793),
        Step("count", 5248, 62883),
        Step("beat", 1870, 27864),
        Step("very_long_wait", 65273, 58300),
    ),
    "losses-not-counted": (
        Step("spawn", 65045, 48509),
        Step("event", 22138, 14976),
        Step("beat", 24800, 37215),
        Step("event", 884, 40251),
        Step("tick", 7120, 53273),
        Step("send", 50873, 29996),
        Step("send", 3643, 45576),
        Step("trim", 38848, 61737),
        Step("long_wait", 6551, 2128),
    ),
    "histograms-fall": (
        Step("spawn", 27048, 53254),
        Step("count", 49073, 54044),
        Step("send", 35078, 26170),
        Step("count", 15029, 51524),
        Step("beat", 35531, 3801),
        Step("snapshot", 51068, 20330),
    ),
    "ghosts-count": (
        Step("spawn", 8442, 30747),
        Step("count", 38981, 40417),
        Step("stop", 46650, 12726),
        Step("attach", 56784, 57008),
        Step("copy", 8226, 23611),
        Step("flow", 45272, 29521),
        Step("read", 47174, 30973),
        Step("very_long_wait", 46752, 1433),
        Step("very_long_wait", 47223, 18397),
        Step("put_back", 45389, 12573),
    ),
    "no-ratchet": (
        Step("spawn", 19054, 8969),
        Step("spawn", 53864, 33555),
        Step("count", 827, 1035),
        Step("beat", 39232, 35922),
        Step("beat"),
        Step("count", 55798, 10395),
        Step("very_long_wait", 22829, 20248),
    ),
    "run-forgotten": (
        Step("fog", 26713, 4732),
        Step("spawn", 23186, 17594),
        Step("count", 33191, 47870),
        Step("count", 47710, 45939),
        Step("count", 29641, 55573),
        Step("count", 12997, 56588),
        Step("send", 5252, 47869),
        Step("crash", 40631, 17158),
        Step("very_long_wait", 46346, 20053),
        Step("send", 25832, 25271),
        Step("read", 44965, 43069),
        Step("count", 3824, 59019),
        Step("checkpoint", 63671, 20199),
        Step("crash", 8589, 9481),
    ),
    "two-in-flight": (
        Step("spawn", 0, 5),
        Step("beat", 0, 0),
        Step("beat", 0, 370),
        Step("count", 2, 802),
        Step("tick", 0, 57),
        Step("tick", 2, 814),
        Step("send", 2, 850),
        Step("beat", 0, 155),
        Step("kill", 0, 0),
    ),
    "stale-keyframe-stays": (
        Step("spawn", 30912, 54056),
        Step("refuse", 58188, 53452),
        Step("event", 1033, 56502),
        Step("send", 34490, 24115),
        Step("flow", 10844, 39139),
        Step("outage", 7309, 52053),
        Step("send", 23146, 6134),
    ),
    "flushed-too-soon": (
        Step("fog", 27187, 0),
        Step("spawn", 44018, 39009),
        Step("count", 16388, 25955),
        Step("count", 17446, 30511),
        Step("count", 58949, 48376),
        Step("count", 40170, 5286),
        Step("count", 17347, 27170),
        Step("send", 18302, 45441),
        Step("count", 24886, 65501),
        Step("flush", 50514, 35863),
    ),
    "pause-observed": (
        Step("spawn"),
        Step("beat"),
        Step("beat"),
        Step("beat"),
        Step("pause", 0, 3),
        Step("second"),
        Step("second"),
    ),
    "replica-believed": (
        Step("spawn"),
        Step("count"),
        Step("beat"),
        Step("beat"),
        Step("checkpoint"),
        Step("count"),
        Step("beat"),
        *3 * (Step("put_back"),),
        Step("crash"),
        Step("read"),
        Step("second"),
        Step("scrape"),
    ),
    "forgotten-at-once": (
        Step("spawn"),
        Step("beat"),
        Step("beat"),
        Step("checkpoint"),
        Step("away"),
        *2 * (Step("flow", 0, 1),),
        Step("long_wait", 0, 1),
        Step("flow"),
        Step("forget"),
        Step("start"),
        Step("read", 0, 1),
        Step("second"),
    ),
    "waiting-requests-not-saved": (
        Step("spawn", 1, 1),
        Step("count"),
        Step("beat"),
        Step("forget"),
        Step("read", 0, 1),
        Step("checkpoint"),
        Step("crash"),
    ),
    "bounds-leave-alone": (
        Step("tiers"),
        Step("spawn", 33867, 48795),
        Step("count", 21211, 44868),
        Step("spawn", 45029, 52407),
        Step("beat", 45309, 48980),
        Step("count", 59879, 28676),
        Step("beat", 55492, 36850),
        Step("very_long_wait", 62893, 20173),
    ),
    "retained-joined": (
        Step("tiers"),
        Step("spawn", 31896, 53324),
        Step("beat"),
        Step("count", 36284, 58818),
        Step("beat"),
        Step("beat"),
        Step("very_long_wait", 0, 2),
        Step("tier_flow", 1),
        Step("tier_flow", 2),
        Step("very_long_wait", 0, 1),
        Step("beat"),
    ),
    "histograms-joined-whole": (
        Step("tiers"),
        Step("spawn", 0, 1),
        *3 * (Step("count", 0, 12),),
        *2 * (Step("beat"),),
        Step("kill", 0),
        Step("wipe", 5),
        Step("tier_crash", 1, 4),
        Step("tier_crash", 0, 4),
        Step("tier_away", 0, 0),
        Step("spawn", 1, 1),
        *4 * (Step("count", 1, 28),),
        *10 * (Step("beat"),),
    ),
}
"""By the rule's name. The last is why each bucket of a branch's replicas is joined alone: one has lost what a dead
writer observed, and passes by count what was joined before."""


@pytest.mark.parametrize("name", KNOWN)
def test_a_rule_left_out_is_caught(name: str) -> None:
    """With the rule all is well, without it a promise is broken."""
    assert not run(KNOWN[name])
    assert run(KNOWN[name], name), MUTATIONS[name].rule


HELD: Final = {
    "a request to forget is of the very moment at which a frame is stored that was not read": (
        Step("spawn", 30620, 43315),
        Step("forget", 53703, 50147),
        Step("read", 56526, 57700),
        Step("send", 1992, 25688),
        Step("wait", 1447, 63187),
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
