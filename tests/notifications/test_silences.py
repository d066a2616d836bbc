"""Silences: what they cover, when, and that commands may be read again (R12.49)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.notifications import silences as module
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.notifications.silences import MAX_SILENCES, RETAINED, Silences
from fog_aggregator.promql.labels import make_labels
from fog_schema.commands import SILENCE, UNSILENCE, Command
from fog_schema.errors import FrameError
from fog_schema.limits import MAX_TIMESTAMP

NOON = 1_700_000_000.0
HOUR = 3_600_000
EQUAL, UNEQUAL, PATTERN, NO_PATTERN = range(4)


def ms(seconds: float) -> int:
    """Turn unix seconds into milliseconds."""
    return int(seconds * 1000)


def notice(**labels: str) -> Notice:
    """Make an alert that fires."""
    return Notice(make_labels({"alertname": "Down", **labels}), (), 0, 0, firing=True)


def silence(number: str = "a", *matchers: tuple[int, str, str], **others: Any) -> Command:
    """Make the command for a silence of an hour."""
    others.setdefault("duration", 0 if "ends_at" in others else HOUR)
    return Command(SILENCE, number, matchers=matchers or ((EQUAL, "alertname", "Down"),), **others)


def known(*commands: Command, path: str = "fog", at: float = NOON) -> Silences:
    """Make silences by commands to a path, a second after another."""
    silences = Silences()
    for seconds, command in enumerate(commands):
        silences.take(tuple(path.split("/")), command, at + seconds)
    return silences


def test_it_lasts_from_the_moment_at_which_it_is_stored() -> None:
    """By the server's time; its author's clock does not matter."""
    silences = known(silence())
    [one] = silences
    assert (one.starts_at, one.ends_at) == (ms(NOON), ms(NOON) + HOUR)
    states = [one.state(ms(NOON) + after) for after in (-1, 0, HOUR - 1, HOUR)]
    assert states == ["pending", "active", "active", "expired"]
    assert [bool(silences.silencing(notice(), ms(NOON) + after)) for after in (-1, 0, HOUR)] == [False, True, False]


@pytest.mark.parametrize(
    ("matcher", "silenced"),
    [
        ((EQUAL, "site", "north"), [True, False, False]),
        ((UNEQUAL, "site", "north"), [False, True, True]),
        ((PATTERN, "site", "n.*|s"), [True, False, False]),
        ((NO_PATTERN, "site", "n.*"), [False, True, True]),
        ((EQUAL, "site", ""), [False, False, True]),
    ],
)
def test_matchers_are_those_of_alertmanager(matcher: tuple[int, str, str], silenced: list[bool]) -> None:
    """An absent label has the empty value, and a pattern matches the whole of one."""
    silences = known(silence("a", (EQUAL, "alertname", "Down"), matcher))
    alerts = [notice(site="north"), notice(site="south"), notice()]
    assert [bool(silences.silencing(one, ms(NOON))) for one in alerts] == silenced


@pytest.mark.parametrize(
    ("path", "silenced"),
    [("fog", [True, True, True]), ("fog/0", [True, False, False]), ("fog/0/3", [False, False, False])],
)
def test_it_is_for_a_part_of_the_tree(path: str, silenced: list[bool]) -> None:
    """Alerts at and under its path; one that names no place is silenced by a command to a whole tree."""
    silences = known(silence(), path=path)
    alerts = [notice(fog_path="fog/0"), notice(fog_node="fog/1/2"), notice()]
    assert [bool(silences.silencing(one, ms(NOON))) for one in alerts] == silenced


def test_it_ends_by_a_command() -> None:
    """Which may come from its own place or from above, and which is remembered when both are read again."""
    silences = known(silence(), Command(UNSILENCE, "a"))
    again = [silence(), Command(UNSILENCE, "a")]
    for seconds, command in enumerate(again):
        silences.take(("fog",), command, NOON + seconds)
    [one] = silences
    assert one.ends_at == ms(NOON + 1)
    assert silences.silencing(notice(), ms(NOON + 0.5))
    assert not silences.silencing(notice(), ms(NOON + 1))


def test_an_operator_of_a_subtree_ends_no_silence_of_the_tree() -> None:
    """The subject is the right: what was said above cannot be taken back below."""
    silences = known(silence())
    silences.take(("fog", "0"), Command(UNSILENCE, "a"), NOON + 5)
    with pytest.raises(FrameError, match="another part of the tree"):
        silences.take(("fog", "0"), silence(), NOON + 6)
    assert silences.silencing(notice(), ms(NOON + 7))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (silence("a", (PATTERN, "site", "(")), "cannot be read"),
        (silence("a", (PATTERN, "site", ".*")), "needs a matcher"),
        (silence("a", (UNEQUAL, "site", "x"), (EQUAL, "job", "")), "needs a matcher"),
    ],
)
def test_what_cannot_be_done_is_refused(command: Command, why: str) -> None:
    """A pattern that RE2 does not take, and matchers that everything fulfils, as Alertmanager refuses them."""
    with pytest.raises(FrameError, match=why):
        known(command)


def test_they_are_bounded() -> None:
    """At the limit the newcomer is refused, unless one is over; those that have been over for long make room anyway."""
    silences = known(*(silence(f"{number}") for number in range(MAX_SILENCES)))
    with pytest.raises(FrameError, match="1000 silences"):
        silences.take(("fog",), silence("x"), NOON + 1500)
    silences.take(("fog",), Command(UNSILENCE, "7"), NOON + 1501)
    silences.take(("fog",), silence("x"), NOON + 1502)
    assert len(silences) == MAX_SILENCES
    assert {"7", "x"} & {one.id for one in silences} == {"x"}
    silences.take(("fog",), silence("y"), NOON + 5003 + (HOUR + RETAINED) / 1000)
    assert len(silences) == 1


def test_they_are_saved() -> None:
    """The same after a restart, in place of what was known; a damaged one is refused as a whole."""
    matchers = (NO_PATTERN, "site", "a|b"), (EQUAL, "alertname", "Down")
    one = known(silence("a", *matchers, author="jo", comment="why"), Command(UNSILENCE, "a"), silence("b"))
    other = known(silence("c"))
    other.restore(one.image())
    assert list(other) == list(one)
    now = ms(NOON + 2)
    assert other.silencing(notice(), now) == one.silencing(notice(), now) == ("b",)
    broken = one.image().plain["silences"][0]
    with pytest.raises(DamagedError):
        other.restore(Saved({"silences": [(*broken[:2], [("=~", "x", "(")], *broken[3:])]}))
    assert len(other) == 2


COMMANDS = st.lists(
    st.sampled_from([silence("a"), silence("b"), silence("a", ends_at=ms(NOON) + 5_000), Command(UNSILENCE, "a")])
)


@given(COMMANDS, st.data())
def test_reading_again_changes_nothing(commands: list[Command], data: st.DataObject) -> None:
    """From any position on, as after a crash, the silences are in the end the same."""
    once, again = known(*commands), known(*commands)
    for seconds, command in list(enumerate(commands))[data.draw(st.integers(0, len(commands))) :]:
        again.take(("fog",), command, NOON + seconds)
    assert list(again) == list(once)


def test_alerts_are_compared_with_silences_that_changed_alone() -> None:
    """A new silence is one comparison for each alert, and not one for each pair of both."""
    silences = known(*(silence(str(number), (PATTERN, "alertname", f"Down|{number}.*")) for number in range(100)))
    alerts = [notice(n=str(number)) for number in range(10)]
    questions = silences.questions(alerts)
    assert [len(one.tests) for one in questions] == [100] * 10
    for one in questions:
        silences.learn(one, one.answer())
    assert silences.questions(alerts) == []
    assert all(len(silences.silencing(one, ms(NOON) + 200_000)) == 100 for one in alerts)
    silences.take(("fog",), silence("new"), NOON + 300)
    silences.take(("fog", "1"), silence("elsewhere"), NOON + 300)
    assert [list(one.tests) for one in silences.questions(alerts)] == [["new"]] * 10
    assert len(silences.silencing(alerts[0], ms(NOON) + 301_000)) == 101
    silences.take(("fog",), Command(UNSILENCE, "new"), NOON + 310)
    assert len(silences.silencing(alerts[0], ms(NOON) + 311_000)) == 100


def test_an_answer_about_what_has_changed_meanwhile_is_asked_again() -> None:
    """Answers are made in a thread, while commands come."""
    silences = known(silence("a"), silence("b"))
    [question] = silences.questions([notice()])
    silences.take(("fog",), silence("a", (EQUAL, "alertname", "Other")), NOON + 10)
    silences.learn(question, question.answer())
    assert silences.silencing(notice(), ms(NOON) + 11_000) == ("b",)
    [question] = silences.questions([notice(n="1")])
    other = Silences()
    other.restore(silences.image())
    other.learn(question, frozenset({"gone", "b"}))
    assert other.silencing(notice(n="1"), ms(NOON) + 11_000) == ("b",)


def test_a_silence_that_is_dropped_silences_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is taken by another one."""
    monkeypatch.setattr(module, "MAX_SILENCES", 1)
    silences = known(silence("a", duration=1_000))
    assert silences.silencing(notice(), ms(NOON)) == ("a",)
    silences.take(("fog",), silence("b"), NOON + 10)
    assert silences.silencing(notice(), ms(NOON) + 11_000) == ("b",)


def test_a_command_that_is_read_again_changes_nothing() -> None:
    """A stream is read anew after its position was lost: a silence that was ended stays ended."""
    silences = known(silence(), Command(UNSILENCE, "a"))
    before = list(silences)
    silences.take(("fog",), silence(), NOON)
    silences.take(("fog",), Command(UNSILENCE, "a"), NOON + 1)
    assert list(silences) == before
    silences.take(("fog",), Command(UNSILENCE, "a"), NOON + 2)
    assert list(silences) == before, "what is over is not ended again"


def test_an_alert_is_not_compared_again_with_a_silence_that_is_read_again() -> None:
    """A pair of aggregators and a stream that is read anew bring the same command, of the same moment."""
    silences = known(silence())
    assert silences.silencing(notice(), ms(NOON)) == ("a",)
    silences.take(("fog",), silence(), NOON)
    assert silences.questions([notice()]) == []


def test_a_silence_that_is_ended_before_its_beginning_never_was() -> None:
    """Its end does not lie before its beginning."""
    silences = known(silence(starts_at=ms(NOON) + HOUR), Command(UNSILENCE, "a"))
    [one] = silences
    assert one.starts_at == one.ends_at == ms(NOON) + HOUR


def test_no_silence_ends_after_all_time() -> None:
    """Times beyond it cannot be written."""
    latest = MAX_TIMESTAMP * 1000
    [one] = known(silence(starts_at=latest - 5))
    assert one.ends_at == latest


def test_a_silence_that_is_known_needs_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of those that are over, the one that ended first makes room for a new one."""
    monkeypatch.setattr(module, "MAX_SILENCES", 3)
    silences = known(silence("a", duration=9_000), silence("b", duration=2_000), silence("c"))
    silences.take(("fog",), silence("c", comment="for longer"), NOON + 5)
    assert {one.id for one in silences} == {"a", "b", "c"}
    silences.take(("fog",), silence("d"), NOON + 20)
    assert {one.id for one in silences} == {"a", "c", "d"}


def test_what_was_compared_after_a_restart_is_not_compared_again() -> None:
    """With the silences of before, and with one that is new."""
    silences = Silences()
    silences.restore(known(silence("a"), silence("b")).image())
    for number in range(3):
        assert len(silences.silencing(notice(), ms(NOON) + 200_000)) == 2 + number
        assert silences.questions([notice()]) == []
        silences.take(("fog",), silence(f"n{number}"), NOON + 100 + number)
