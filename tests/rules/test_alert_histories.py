"""Histories of alerts: no lie in any, and one in each where a rule is left out."""

from __future__ import annotations

from typing import Final

import pytest

from fog_proving.alerts.checks import lies
from fog_proving.alerts.mutations import MUTATIONS
from fog_proving.alerts.world import play

CAUGHT: Final = {
    "1: what is missing is false": 0,
    "2: nobody who stood behind it is missed": 0,
    "2: little is true whoever is silent": 1,
    "2: the clock of for runs on in doubt": 13,
    "3: nothing says why": 2,
    "3: ended nodes are silent": 5,
    "4: verdicts at any time": 2,
    "5: nothing is restored": 0,
    "5: rules leave in silence": 2,
    "6: receivers wait four minutes": 0,
    "7: errors take alerts away": 0,
    "7: the limit takes alerts away": 0,
    "8: each resolves alone": 5,
    "8: an end is nobody else's": 155,
    "8: what has resolved is told again blindly": 161,
    "9: nothing is suppressed": 4,
    "10: nobody is expected": 33,
    "10: whoever was heard is missing too": 11,
    "10: a count hides the nodes that are named": 33,
    "11: flapping alerts flap": 21,
    "12: late values fire at once": 4,
    "12: late values of others count": 4,
    "13: a message that failed is dropped": 48,
    "13: the first state stays until it is told": 10,
    "13: after a restart nobody is owed anything": 28,
    "13: a failure ends all attempts": 133,
}
"""The first history that catches each mutation."""


KNOWN: Final = {
    128: "one resolved it, the other was cut off and said in turn that it fires",
    137: "one restarted, and told again of an end after which it had begun anew",
    155: "one came back from its checkpoint with an alert that had ended meanwhile",
    161: "one told again of an end after which it fires elsewhere, where the rule fails by now",
    185: "one resolved it because the node ended, the other's rule failed and it held it for ever",
    224: "one whose rule fails told again of an end after which it fires elsewhere",
    5176: "nobody ran for a quarter of an hour: receivers give up, which is no word of ours",
    5204: "both saw it end, one a minute later: nodes that fell silent then held it in the first",
    5444: "one waited for the other, who went; meanwhile the node fell silent, and that holds it",
    5453: "one keeps it as it flaps there, the other one holds it, as it is told to",
    5516: "one told a minute later of an end that the other saw, and the node ended in that minute",
    5396: "one fired a minute late, before it could know that values came late",
    629: "one whose rule fails counted the last word of one that had died three times",
    5186: "one came back, and told again what had ended before it had heard of that",
    5783: "one came back to an alert that had ended, and its node was silent by then",
    5996: "one came back while the other one had just told the end",
    1061: "one failed while a node came, fell silent and was the hottest; the other one knew it, and died",
    5030: "one saw a minute late that the hottest node had ended; a node that was silent all along keeps no alert",
}
"""Histories in which receivers once heard a lie, or were said to."""


@pytest.mark.parametrize("seed", sorted({*CAUGHT.values(), *KNOWN, *range(8)}))
def test_receivers_hear_no_lie(seed: int) -> None:
    """Whatever happens to nodes and aggregators; among these are the histories that catch mutations."""
    assert lies(play(seed)) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_rule_that_is_left_out_is_caught(name: str) -> None:
    """By a history that is clean with the rule."""
    with MUTATIONS[name]():
        assert lies(play(CAUGHT[name]))
