"""Each receiver is owed the newest state of each alert, until it is told, and no longer than that leads anywhere."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from fog_aggregator.core.saved import DamagedError
from fog_aggregator.notifications.alertmanager import (
    BATCH,
    RESEND,
    RESOLVED_AGAIN,
    SHORTEST_END,
    AlertmanagerOutbox,
    alertmanager_body,
    rfc3339,
)
from fog_aggregator.notifications.changes import ChangesOutbox, log_line, nats_body
from fog_aggregator.notifications.deliveries import Delivered, Others
from fog_aggregator.notifications.groups import Grouping, GroupsOutbox, idempotence_key, webhook_body
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.notifications.outbox import FIRST_PAUSE, GIVEN_UP, LONGEST_PAUSE, MAX_ALERTS, Batch, Outbox
from fog_aggregator.promql.labels import make_labels

NOON = 1_700_000_000_000
HOUR = 3_600_000
GROUPING = Grouping(tokens=2, wait=10_000, interval=60_000, repeat=4 * HOUR)


def alert(name: str = "A", *, firing: bool = True, starts: int = NOON, held: bool = False, **labels: str) -> Notice:
    """Make the notice of an alert."""
    ends = starts + 1_000
    return Notice(
        make_labels({"alertname": name, **labels}), (("summary", f"{name}!"),), starts, ends, firing, "", held
    )


def silenced_by_nobody(_: Notice) -> bool:
    """Silence nothing."""
    return False


def due(outbox: Outbox, now: int, *silenced: str) -> list[Batch]:
    """Return what is due while alerts of some names are silenced."""
    return outbox.due(now, lambda notice: dict(notice.labels)["alertname"] in silenced)


def told(outbox: Outbox, now: int, *silenced: str) -> list[str]:
    """Let the receiver take all that is due; return it, in short."""
    batches = due(outbox, now, *silenced)
    for batch in batches:
        outbox.sent(batch, now)
    return [f"{dict(one.labels)['alertname']} {one.status}" for batch in batches for one in batch.notices]


OUTBOXES = [AlertmanagerOutbox, ChangesOutbox, lambda name: GroupsOutbox(name, Grouping(wait=0, interval=0))]


@pytest.mark.parametrize("make", OUTBOXES)
def test_only_the_newest_state_is_told(make: Any) -> None:
    """An alert that changed ten times while the receiver was dead is one message, with the last state."""
    outbox = make("r")
    for turn in range(10):
        outbox.submit([alert(firing=True, starts=NOON + turn)], NOON + turn)
        outbox.submit([alert(firing=False, starts=NOON + turn)], NOON + turn)
    outbox.submit([alert(starts=NOON + 10)], NOON + 10)
    [batch] = due(outbox, NOON + 10)
    assert [(notice.status, notice.starts_at) for notice in batch.notices] == [("firing", NOON + 10)]


@pytest.mark.parametrize("make", OUTBOXES)
def test_a_failed_message_is_repeated_after_a_growing_pause(make: Any) -> None:
    """1 s, 2 s, 4 s … 60 s; a success ends it. A clock that steps back does not prolong it."""
    outbox, now, pauses = make("r"), NOON, []
    outbox.submit([alert()], now)
    for _ in range(9):
        assert due(outbox, now)
        outbox.failed(now)
        since = now
        while not due(outbox, now):
            now += 500
        pauses.append(now - since)
    assert pauses == [FIRST_PAUSE * 2**turn for turn in range(6)] + [LONGEST_PAUSE] * 3
    outbox.failed(now)
    assert due(outbox, now - 1)
    assert told(outbox, now + LONGEST_PAUSE) == ["A firing"]
    outbox.submit([alert("B")], now)
    assert due(outbox, now + LONGEST_PAUSE + 1)


@pytest.mark.parametrize("make", OUTBOXES)
def test_what_a_receiver_refuses_is_not_sent_again(make: Any) -> None:
    """Until its state changes: no loop."""
    outbox = make("r")
    outbox.submit([alert()], NOON)
    for batch in due(outbox, NOON):
        outbox.refused(batch)
    outbox.submit([alert()], NOON + 1)
    assert not due(outbox, NOON + 1)
    assert not due(outbox, NOON + 10 * RESEND)
    outbox.submit([alert(starts=NOON + 5)], NOON + 11 * RESEND)
    assert due(outbox, NOON + 11 * RESEND)


@pytest.mark.parametrize("make", OUTBOXES)
def test_a_state_that_changes_under_way_is_told_as_well(make: Any) -> None:
    """The answer to a message is for what was in it."""
    outbox = make("r")
    outbox.submit([alert()], NOON)
    [batch] = due(outbox, NOON)
    outbox.submit([alert(firing=False)], NOON + 1)
    outbox.sent(batch, NOON + 2)
    assert told(outbox, NOON + 3) == ["A resolved"]


@pytest.mark.parametrize("make", OUTBOXES)
def test_a_resolved_alert_is_kept_for_a_day(make: Any) -> None:
    """Then it is given up, and counted as lost."""
    outbox = make("r")
    outbox.submit([alert()], NOON)
    assert told(outbox, NOON) == ["A firing"]
    outbox.submit([alert(firing=False)], NOON + 1)
    outbox.failed(NOON + 1)
    assert due(outbox, NOON + GIVEN_UP)
    assert outbox.lost == 0
    assert not due(outbox, NOON + GIVEN_UP + 2)
    assert (outbox.lost, len(outbox)) == (1, 0)


@pytest.mark.parametrize("make", OUTBOXES)
def test_an_alert_that_the_rules_have_forgotten_does_not_fire_for_ever(make: Any) -> None:
    """They hand over what fires once a minute; after a day without a word it is given up. Time away does not count."""
    outbox = make("r")
    outbox.submit([alert()], NOON)
    told(outbox, NOON)
    other = make("r")
    other.restore(outbox.records())
    due(other, NOON + 3 * GIVEN_UP)
    assert len(other) == 1
    due(other, NOON + 4 * GIVEN_UP + 1)
    assert (len(other), other.lost) == (0, 1)


def test_alerts_are_bounded() -> None:
    """One more than a receiver may be owed is given up, and counted."""
    outbox = ChangesOutbox("r")
    outbox.submit((alert(n=str(number)) for number in range(MAX_ALERTS + 1)), NOON)
    assert (len(outbox), outbox.lost) == (MAX_ALERTS, 1)


@pytest.mark.parametrize("make", OUTBOXES)
def test_everything_survives_a_restart(make: Any) -> None:
    """A state that was told is not told again as news, one that was not told is; damage is refused."""
    outbox, other = make("r"), make("r")
    outbox.submit([alert("A"), alert("B", fog_path="fog/0"), alert("C", held=True)], NOON)
    told(outbox, NOON)
    outbox.submit([alert("B", firing=False, fog_path="fog/0")], NOON + 1)
    records = msgpack.unpackb(msgpack.packb(outbox.records()))
    other.restore(records)
    assert other.records() == outbox.records() or isinstance(other, AlertmanagerOutbox)
    news = [one.notice for one in other._owed.values() if one.is_news]  # noqa: SLF001
    assert [(dict(one.labels)["alertname"], one.firing) for one in news] == [("B", False)]
    for damaged in ([records[0][:-1]], [[*records[0][:2], 5, *records[0][3:]]], [5]):
        with pytest.raises(DamagedError):
            other.restore(damaged)
    assert len(other) == 3


# Alertmanager


def test_an_alertmanager_is_told_again_and_again() -> None:
    """A firing alert goes out as often as rules hand it over, or every two minutes; an evaluation is one POST."""
    outbox = AlertmanagerOutbox("r")
    outbox.submit([alert("A"), alert("B")], NOON)
    assert told(outbox, NOON) == ["A firing", "B firing"]
    assert told(outbox, NOON + 1_000) == []
    outbox.submit([alert("A")], NOON + RESEND)
    assert told(outbox, NOON + RESEND) == ["A firing"]
    assert told(outbox, NOON + 2 * RESEND) == ["B firing"]
    outbox.submit([alert(f"{number}") for number in range(BATCH + 1)], NOON + 2 * RESEND)
    assert [len(batch) for batch in due(outbox, NOON + 2 * RESEND)] == [BATCH, 1]


def test_an_alertmanager_is_told_for_five_minutes_what_has_resolved() -> None:
    """As often as the rules hand it over: it may have begun anew in another aggregator. Then it is forgotten."""
    outbox = AlertmanagerOutbox("r")
    outbox.submit([alert()], NOON)
    told(outbox, NOON)
    times = []
    for now in range(NOON, NOON + 600_000, 1_000):
        if now % RESEND == NOON % RESEND and now <= NOON + RESOLVED_AGAIN:
            outbox.submit([alert(firing=False)], now)
        times += [now] * bool(told(outbox, now))
    assert times == list(range(NOON, NOON + RESOLVED_AGAIN + 1, RESEND))
    assert len(outbox) == 0
    outbox.submit([alert()], NOON)
    told(outbox, NOON)
    outbox.submit([alert(firing=False)], NOON)
    assert told(outbox, NOON) == ["A resolved"]
    again = AlertmanagerOutbox("r")
    again.restore(outbox.records())
    assert [told(one, NOON + 2 * RESEND) for one in (outbox, again)] == [[], []]


def test_an_alertmanager_is_told_after_a_restart_at_once() -> None:
    """It may have been restarted as well, and forgets alerts."""
    outbox, other = AlertmanagerOutbox("r"), AlertmanagerOutbox("r")
    outbox.submit([alert()], NOON)
    told(outbox, NOON)
    other.restore(outbox.records())
    assert told(other, NOON + 1) == ["A firing"]


@pytest.mark.parametrize("behind", [0, 1, 5, 1_000, 60_000])
def test_an_alertmanager_is_told_at_once_by_a_clock_that_is_behind(behind: int) -> None:
    """A restart goes on from the time of the checkpoint, which may be before the delivery; then it is told once."""
    outbox, other = AlertmanagerOutbox("r"), AlertmanagerOutbox("r")
    outbox.submit([alert()], NOON)
    told(outbox, NOON)
    other.restore(outbox.records())
    other.submit([alert()], NOON - behind)
    assert told(other, NOON - behind + 1) == ["A firing"]
    assert [told(other, NOON + later) for later in (2, 500, 1_000)] == [[], [], []]
    other.submit([alert()], NOON + RESEND)
    assert told(other, NOON + RESEND) == ["A firing"]


def test_the_body_for_an_alertmanager() -> None:
    """An alert that fires ends no sooner than in 15 minutes; one that has resolved, when it did."""
    fires, over = alertmanager_body((alert(), alert(firing=False)), NOON + 5)
    assert fires == {
        "labels": {"alertname": "A"},
        "annotations": {"summary": "A!"},
        "startsAt": "2023-11-14T22:13:20.000Z",
        "endsAt": rfc3339(NOON + 5 + SHORTEST_END),
    }
    assert over["endsAt"] == rfc3339(NOON + 1_000)


# Changes, and silences


def test_changes_are_told_once() -> None:
    """However often rules hand them over."""
    outbox = ChangesOutbox("r")
    for minute in range(3):
        outbox.submit([alert()], NOON + minute * RESEND)
        assert told(outbox, NOON + minute * RESEND) == (["A firing"] if not minute else [])
    outbox.submit([alert(firing=False)], NOON + 3 * RESEND)
    assert told(outbox, NOON + 3 * RESEND) == ["A resolved"]
    assert told(outbox, NOON + 3 * RESEND + 1) == []
    assert len(outbox) == 0


@pytest.mark.parametrize("make", OUTBOXES[1:])
def test_nobody_is_told_of_a_silenced_alert(make: Any) -> None:
    """One that still fires is told after the silence; one that ended meanwhile never; one that was told, ends."""
    outbox = make("r")
    outbox.submit([alert("A"), alert("B"), alert("C")], NOON)
    assert told(outbox, NOON, "A", "B") == ["C firing"]
    outbox.submit([alert("B", firing=False), alert("C", firing=False)], NOON + 1)
    assert told(outbox, NOON + 1, "A", "B", "C") == ["C resolved"]
    assert told(outbox, NOON + 2) == ["A firing"]


def test_an_alertmanager_has_silences_of_its_own() -> None:
    """It is told of everything."""
    outbox = AlertmanagerOutbox("r")
    outbox.submit([alert("A")], NOON)
    assert told(outbox, NOON, "A") == ["A firing"]


def test_one_that_was_told_of_changes_is_left_alone() -> None:
    """While an alert that was told fires on, time makes nothing due; whoever is told again and again is looked at."""
    changes, again = ChangesOutbox("log"), AlertmanagerOutbox("am")
    assert not changes.waits()
    for outbox in (changes, again):
        outbox.submit([alert()], NOON)
        assert outbox.waits(), "it is not told yet"
        assert told(outbox, NOON) == ["A firing"]
    assert not changes.waits()
    assert again.waits()
    changes.submit([alert(firing=False)], NOON + 60_000)
    assert told(changes, NOON + 60_000) == ["A resolved"]
    assert changes.waits(), "it is to be dropped"
    assert told(changes, NOON + 61_000) == []
    assert not changes.waits()


def test_texts_of_changes() -> None:
    """A message on NATS is an alert of a webhook with its idempotence key; a line of the log is one line."""
    notice = Notice(make_labels({"alertname": "A", "x": "é\n"}), (("summary", "all\nred"),), NOON, NOON, firing=True)
    assert nats_body(notice).decode() == (
        f'{{"key":"{notice.fingerprint}-firing-{NOON}","status":"firing","labels":{{"alertname":"A","x":"é\\n"}},'
        '"annotations":{"summary":"all\\nred"},"startsAt":"2023-11-14T22:13:20.000Z","endsAt":"0001-01-01T00:00:00Z",'
        f'"generatorURL":"","fingerprint":"{notice.fingerprint}"}}'
    )
    assert log_line(notice) == 'A firing {x="\\u00e9\\n"}: all red'


# Groups


def grouped(outbox: GroupsOutbox, now: int) -> list[tuple[str, list[str]]]:
    """Let the webhook take what is due; return it by group."""
    batches = due(outbox, now)
    for batch in batches:
        outbox.sent(batch, now)
    return [
        (batch.group, [f"{dict(one.labels)['alertname']} {one.status}" for one in batch.notices]) for batch in batches
    ]


def test_a_subtree_is_one_message() -> None:
    """After the wait; news after it wait for the interval, and the message says all that fires there."""
    outbox = GroupsOutbox("r", GROUPING)
    outbox.submit([alert("A", fog_path="fog/0/3"), alert("B", fog_node="fog/0/4"), alert("C")], NOON)
    assert grouped(outbox, NOON + GROUPING.wait - 1) == []
    outbox.submit([alert("D", fog_path="fog/0")], NOON + 5_000)
    at = NOON + GROUPING.wait
    assert grouped(outbox, at) == [("fog/0", ["A firing", "B firing", "D firing"]), ("", ["C firing"])]
    outbox.submit([alert("A", firing=False, fog_path="fog/0/3")], at + 1)
    assert grouped(outbox, at + GROUPING.interval - 1) == []
    assert grouped(outbox, at + GROUPING.interval) == [("fog/0", ["A resolved", "B firing", "D firing"])]
    assert len(outbox) == 3 + 1
    assert grouped(outbox, at + 2 * GROUPING.interval) == []
    assert len(outbox) == 3


def test_a_group_is_repeated_while_something_fires() -> None:
    """After the repeat interval, with another key; not for an alert that is only held."""
    outbox = GroupsOutbox("r", GROUPING)
    outbox.submit([alert("A", fog_path="fog/0"), alert("B", fog_path="fog/1", held=True)], NOON)
    [first, _] = due(outbox, NOON + GROUPING.wait)
    at = NOON + GROUPING.wait
    grouped(outbox, at)
    assert grouped(outbox, at + GROUPING.repeat - 1) == []
    [again] = due(outbox, at + GROUPING.repeat)
    assert (again.group, again.repeats) == ("fog/0", at)
    assert idempotence_key(again) != idempotence_key(first)
    assert idempotence_key(first) == idempotence_key(Batch(first.notices[::-1], "fog/0"))


def test_the_body_for_a_webhook() -> None:
    """Version 4, as Alertmanager writes it."""
    notices = (alert("B", firing=False, fog_path="fog/0/1", job="x"), alert("A", fog_path="fog/0/1", job="y"))
    body = webhook_body(Batch(notices, "fog/0"), "http://fog:10364")
    assert [one["labels"]["alertname"] for one in body.pop("alerts")] == ["A", "B"]
    assert body == {
        "version": "4",
        "groupKey": '{}:{fog_site="fog/0"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "webhook",
        "groupLabels": {"fog_site": "fog/0"},
        "commonLabels": {"fog_path": "fog/0/1"},
        "commonAnnotations": {},
        "externalURL": "http://fog:10364",
    }
    whole = webhook_body(Batch((alert(firing=False),)), "")
    assert (whole["status"], whole["groupKey"], whole["groupLabels"]) == ("resolved", "{}:{}", {})
    assert whole["commonAnnotations"] == {"summary": "A!"}
    assert webhook_body(Batch(tuple(alert(n=str(n)) for n in range(1_500))), "")["truncatedAlerts"] == 500


def test_an_alert_that_fired_long_before_is_no_answer_to_a_new_one() -> None:
    """The other one told of it, and was gone before its end: the new one is told, not taken for told."""
    outbox, hour = ChangesOutbox("x"), 3_600_000
    new = Notice((("alertname", "X"),), (), 3 * hour, 0, firing=True)
    outbox.submit([new], 3 * hour)
    assert outbox.due(3 * hour, lambda _: False, Others({new.fingerprint: Delivered(firing=True, at=hour)}))
    assert not outbox.due(3 * hour, lambda _: False, Others({new.fingerprint: Delivered(firing=True, at=3 * hour)}))
