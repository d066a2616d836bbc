"""Two aggregators of one fleet: firing wins, and who is silent has no say."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.rules.alerts import pair
from fog_aggregator.rules.alerts.pair import (
    LONGEST_INTERVAL,
    End,
    Pair,
    Verdicts,
    VerdictsError,
    View,
    decode,
    encode,
    limited,
    name_of,
)

HOT: Final = (("alertname", "Hot"), ("fog_path", "fog/0"))
MINUTE: Final = 60_000
WORD: Final = Verdicts("b", "g", 0, MINUTE, True, frozenset([name_of(HOT)]), frozenset(["Cold"]))  # noqa: FBT003


def test_what_the_other_sees_fire_goes_on() -> None:
    """For that group and that alert, while it is ready and was heard in the last three intervals."""
    ours = Pair("a")
    assert not View(ours, "g", 0).still_fires(HOT)
    ours.hear(WORD)
    assert View(ours, "g", 3 * MINUTE).still_fires(HOT)
    assert not View(ours, "g", 3 * MINUTE + 1).still_fires(HOT)
    assert not View(ours, "h", 0).still_fires(HOT)
    assert not View(ours, "g", 0).still_fires(HOT[:1])
    ours.hear(replace(WORD, ready=False))
    assert not View(ours, "g", 0).still_fires(HOT)


def test_the_others_are_listed_by_their_newest_word() -> None:
    """Each once, whatever the groups are, the one that was heard last first; never oneself."""
    ours = Pair("a")
    assert ours.others() == []
    later = replace(WORD, group="h", at=5, ready=False)
    third = replace(WORD, replica="c", at=3)
    for word in (WORD, later, third, replace(WORD, replica="a", at=9)):
        ours.hear(word)
    assert ours.others() == [later, third]


def test_somebody_else_may_judge() -> None:
    """A member has a say that is ready, was heard lately, and has rules that work."""
    ours = Pair("a")
    assert not View(ours, "g", 0).judges("Hot")
    ours.hear(WORD)
    assert View(ours, "g", 3 * MINUTE).judges("Hot")
    assert not View(ours, "g", 0).judges("Cold")
    assert not View(ours, "g", 3 * MINUTE + 1).judges("Hot")
    ours.hear(replace(WORD, ready=False))
    assert not View(ours, "g", 0).judges("Hot")


def test_what_another_holds_is_still_told() -> None:
    """It does not see it, and it tells receivers that it fires: also while it is not ready."""
    ours = Pair("a")
    ours.hear(replace(WORD, firing=frozenset(), doubted=frozenset([name_of(HOT)]), ready=False))
    view = View(ours, "g", 3 * MINUTE)
    assert view.still_told(HOT)
    assert not view.still_fires(HOT)
    assert not View(ours, "g", 3 * MINUTE + 1).still_told(HOT)


def test_the_newest_end_counts() -> None:
    """Other aggregators may have seen several, or none."""
    ours = Pair("a")
    assert View(ours, "g", 0).end(HOT) is None
    ours.hear(replace(WORD, ended={name_of(HOT): End(2, "node_ended")}))
    ours.hear(replace(WORD, replica="c", ended={name_of(HOT): End(1, "")}))
    assert View(ours, "g", 0).end(HOT) == End(2, "node_ended")
    assert View(ours, "h", 0).end(HOT) is None


def test_the_newest_word_counts() -> None:
    """Also when an older one comes after it; and nobody hears himself."""
    ours = Pair("a")
    ours.hear(replace(WORD, at=MINUTE, firing=frozenset()))
    ours.hear(WORD)
    ours.hear(replace(WORD, replica="a", at=2 * MINUTE))
    assert not View(ours, "g", MINUTE).still_fires(HOT)


def test_a_word_of_another_time_has_no_say() -> None:
    """A clock is wrong: it may be ahead for years; and a clock that was set back is followed."""
    ours = Pair("a")
    assert not ours.hear(replace(WORD, at=4 * MINUTE), 0)
    assert not ours.hear(replace(WORD, at=0), 4 * MINUTE)
    assert not View(ours, "g", 4 * MINUTE).still_fires(HOT)
    assert ours.hear(replace(WORD, at=100 * MINUTE), 100 * MINUTE)
    assert View(ours, "g", 97 * MINUTE).still_fires(HOT)
    assert not View(ours, "g", 97 * MINUTE - 1).still_fires(HOT), "our own clock was set back since"
    assert ours.hear(replace(WORD, at=MINUTE, firing=frozenset()), MINUTE)
    assert ours.hear(replace(WORD, at=2 * MINUTE), 2 * MINUTE)
    assert View(ours, "g", 2 * MINUTE).still_fires(HOT)
    forever = replace(WORD, interval=10**15)
    assert not ours.hear(forever, 4 * LONGEST_INTERVAL)


def test_who_is_ready_says_so_on_any_group() -> None:
    """The newest word counts, while it is of about now."""
    ours = Pair("a")
    assert not ours.is_ready("b", 0)
    ours.hear(WORD)
    assert ours.is_ready("b", 3 * MINUTE)
    assert not ours.is_ready("b", 3 * MINUTE + 1)
    assert not ours.is_ready("c", 0)
    ours.hear(replace(WORD, group="h", at=1, ready=False))
    assert not ours.is_ready("b", 1)


def test_a_word_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is more, nothing is over."""
    monkeypatch.setattr(pair, "MAX_ALERTS", 2)
    ends = {name: End(at, "") for at, name in enumerate("cba")}
    word = limited(replace(WORD, firing=frozenset("cba"), doubted=frozenset("def"), ended=ends))
    assert (word.firing, word.more) == (frozenset("ab"), True)
    assert (word.doubted, set(word.ended)) == (frozenset("de"), {"a", "b"})
    ours = Pair("a")
    ours.hear(word)
    assert View(ours, "g", 0).still_fires(HOT)


def test_many_words_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ones that were heard last are."""
    monkeypatch.setattr(pair, "MAX_GROUPS", 1)
    ours = Pair("a")
    for number in range(20):
        ours.hear(replace(WORD, replica=f"b{number}", group=f"g{number}"))
    assert [View(ours, f"g{number}", 0).still_fires(HOT) for number in (11, 12)] == [False, True]


@given(st.frozensets(st.text("0123456789abcdef", min_size=16, max_size=16)), st.booleans(), st.integers(0, 2**53))
def test_a_word_is_read_as_it_was_written(firing: frozenset[str], ready: bool, at: int) -> None:  # noqa: FBT001
    """Whatever it says."""
    ends = {name: End(at, "forgotten") for name in firing}
    word = replace(WORD, at=at, firing=firing, ready=ready, doubted=firing, ended=ends)
    assert decode(encode(word)) == word


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: b'{"verdicts":%r}' % (x,))
)
def test_anything_else_is_refused(data: bytes) -> None:
    """With a text, and nothing else is raised."""
    with pytest.raises(VerdictsError, match="no word on alerts"):
        decode(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": -1},
        {"at": 1.5},
        {"replica": 7},
        {"interval": True},
        {"group": "x" * 1_001},
        {"ended": {"a": End(-1, "")}},
        {"ended": {"a": End(1, "x" * 1_001)}},
        {"doubted": {"x" * 1_001}},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    """Of each field."""
    with pytest.raises(VerdictsError):
        decode(encode(replace(WORD, **wrong)))  # type: ignore[arg-type]
