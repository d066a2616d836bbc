"""Of two aggregators one tells a receiver: at once, or after two intervals when the other one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from fog_aggregator.notifications import deliveries as module
from fog_aggregator.notifications.changes import ChangesOutbox
from fog_aggregator.notifications.deliveries import Delivered, Deliveries, DeliveryOrder, Others, encode_deliveries
from fog_aggregator.notifications.groups import Grouping, GroupsOutbox
from fog_aggregator.notifications.notice import INTERVAL, Notice
from fog_aggregator.notifications.outbox import Outbox
from fog_aggregator.rules.alerts.pair import VerdictsError, decode
from tests.notifications.receiving import alert

NOON = 1_700_000_000_000
WORD = Deliveries(
    "b", 3, begins=False, asks=False, answers="", delivered={"r": {"0" * 16: Delivered(firing=True, at=NOON)}}
)


class Both:
    """Two aggregators, and the one receiver of both.

    Attributes:
        ready: The aggregators that are ready.
        heard: The states that the receiver was told, by whom.
        cut: Words do not get through.
    """

    def __init__(self, make: Callable[[], Outbox]) -> None:
        self.ready = {"a", "b"}
        self.cut = False
        self.order = {name: DeliveryOrder(name, self.ready.__contains__) for name in "ab"}
        self.outboxes = {name: make() for name in "ab"}
        self.heard: list[str] = []
        self.keys: list[str] = []
        for order in self.order.values():
            order.join(["r"])
        for name in "ab":
            self.say(name, self.order[name].everything(asks=True))

    def say(self, name: str, words: Iterable[Deliveries], now: int = NOON) -> None:
        """Let the other one hear."""
        for word in list(words):
            if not self.cut:
                other = decode(encode_deliveries(word))
                assert isinstance(other, Deliveries)
                self.order["ab".replace(name, "")].hear(other, now)

    def submit(self, notice: Notice, now: int, *names: str) -> None:
        """Hand an alert over."""
        for name in names or "ab":
            self.outboxes[name].submit([notice], now)

    def tick(self, now: int, *names: str) -> None:
        """Let each tell what is due."""
        for name in names or "ab":
            for batch in self.outboxes[name].due(now, lambda _: False, self.order[name].others("r")):
                self.outboxes[name].sent(batch, now)
                self.order[name].tell("r", batch.notices, now)
                self.heard += [f"{name}: {dict(one.labels)['alertname']} {one.status}" for one in batch.notices]
                self.keys += [one.key for one in batch.notices]
            self.say(name, self.order[name].news(), now)


def changes() -> Outbox:
    """Make the outbox of NATS or the log."""
    return ChangesOutbox("r")


def groups() -> Outbox:
    """Make the outbox of a webhook."""
    return GroupsOutbox("r", Grouping(wait=0, interval=0, repeat=60 * INTERVAL))


@pytest.mark.parametrize("make", [changes, groups])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_one_of_a_pair_tells(make: Callable[[], Outbox], order: str) -> None:
    """The first one by its id, also when the other one looks first; both know that it was delivered."""
    both = Both(make)
    both.submit(alert(starts=NOON), NOON)
    for second in range(0, 300, 10):
        both.tick(NOON + second * 1000, *order)
    both.submit(alert(firing=False, starts=NOON), NOON + 300_000)
    for second in range(300, 600, 10):
        both.tick(NOON + second * 1000, *order)
    assert both.heard == ["a: A firing", "a: A resolved"]


def test_the_other_tells_what_was_not_told() -> None:
    """After two intervals: the first one was killed before; from then on it tells at once."""
    both = Both(changes)
    both.submit(alert(starts=NOON), NOON)
    both.tick(NOON + 2 * INTERVAL - 1, "b")
    assert both.heard == []
    both.tick(NOON + 2 * INTERVAL, "b")
    assert both.heard == ["b: A firing"]
    both.ready.discard("a")
    both.submit(alert("B", starts=NOON + 1), NOON + 1)
    both.tick(NOON + 1, "b")
    assert both.heard[1:] == ["b: B firing"]


def test_one_that_is_not_ready_waits_for_one_that_is() -> None:
    """Whatever their ids are; when none is ready, nobody waits."""
    both = Both(changes)
    both.ready.discard("a")
    both.submit(alert(starts=NOON), NOON)
    both.tick(NOON)
    assert both.heard == ["b: A firing"]
    both.ready.clear()
    both.submit(alert("B", starts=NOON), NOON)
    both.tick(NOON, "b")
    assert both.heard[1:] == ["b: B firing"]


def test_a_cut_tells_twice_with_the_same_key() -> None:
    """Nobody knows of the other one; at least once is promised."""
    both = Both(changes)
    both.cut = True
    both.submit(alert(starts=NOON), NOON)
    for minute in range(10):
        both.tick(NOON + minute * INTERVAL)
    assert both.heard == ["a: A firing", "b: A firing"]
    assert len(set(both.keys)) == 1


def test_lost_words_make_nothing_be_lost() -> None:
    """A hole in the numbers: what was heard before does not count any more."""
    both = Both(changes)
    both.submit(alert("A", starts=NOON), NOON, "a")
    both.tick(NOON, "a")
    assert both.order["b"].others("r").delivered
    both.cut = True
    both.submit(alert("A", firing=False, starts=NOON), NOON + 1, "a")
    both.tick(NOON + 1, "a")
    both.cut = False
    both.submit(alert("B", starts=NOON), NOON + 2)
    both.tick(NOON + 2)
    both.submit(alert("A", starts=NOON + 3), NOON + 3, "b")
    both.tick(NOON + 3 + 2 * INTERVAL, "b")
    assert both.heard[-1] == "b: A firing", "it fires anew, and people know that it had resolved"


def test_one_that_sees_it_later_tells_it_not_again() -> None:
    """It has another beginning there; people know that it fires. A word is used once."""
    both = Both(changes)
    both.submit(alert(starts=NOON), NOON, "a")
    both.tick(NOON)
    both.submit(alert(starts=NOON + INTERVAL), NOON + INTERVAL, "b")
    for minute in range(1, 5):
        both.tick(NOON + minute * INTERVAL)
    assert both.heard == ["a: A firing"]
    both.ready.discard("a")
    both.submit(alert(firing=False, starts=NOON + INTERVAL), NOON + 5 * INTERVAL, "b")
    both.tick(NOON + 5 * INTERVAL, "b")
    both.submit(alert(starts=NOON + 6 * INTERVAL), NOON + 6 * INTERVAL, "b")
    both.tick(NOON + 6 * INTERVAL, "b")
    assert both.heard[1:] == ["b: A resolved", "b: A firing"]


def test_the_end_of_what_another_told_is_told() -> None:
    """Though this one told nobody that it fired: also when it resolves here before that word was looked at."""
    both = Both(changes)
    both.submit(alert(starts=NOON), NOON)
    both.tick(NOON, "a")
    both.submit(alert(firing=False, starts=NOON), NOON + 1, "b")
    both.tick(NOON + 1, "b")
    both.tick(NOON + 1 + 2 * INTERVAL, "b")
    assert both.heard == ["a: A firing", "b: A resolved"]


def test_an_end_that_is_told_elsewhere_first_is_no_news() -> None:
    """While it still fires here nothing is told; once it resolves here, it was delivered."""
    both = Both(changes)
    both.submit(alert(starts=NOON), NOON)
    both.tick(NOON)
    both.submit(alert(firing=False, starts=NOON), NOON + 1, "a")
    both.tick(NOON + 1)
    both.tick(NOON + 5 * INTERVAL)
    both.submit(alert(firing=False, starts=NOON), NOON + 5 * INTERVAL, "b")
    both.tick(NOON + 9 * INTERVAL)
    assert both.heard == ["a: A firing", "a: A resolved"]


def test_a_word_about_an_earlier_time_than_ones_own_does_not_count() -> None:
    """It came late: since then this one has told that the alert is over."""
    outbox = changes()
    outbox.submit([alert(starts=NOON)], NOON)
    [batch] = outbox.due(NOON, lambda _: False)
    outbox.sent(batch, NOON)
    outbox.submit([alert(firing=False, starts=NOON)], NOON + 10)
    late = Others({alert().fingerprint: Delivered(firing=False, at=NOON - 1)})
    assert [one.notices[0].firing for one in outbox.due(NOON + 10, lambda _: False, late)] == [False]
    assert late.delivered == {}


def test_repetitions_of_a_webhook_are_told_by_one() -> None:
    """Of a group that fires on: after the first one's repetition the other's clock begins anew."""
    both = Both(groups)
    both.submit(alert(starts=NOON), NOON)
    for minute in range(130):
        both.submit(alert(starts=NOON), NOON + minute * INTERVAL)
        both.tick(NOON + minute * INTERVAL, *"ba")
    assert both.heard == ["a: A firing"] * 3


def test_news_of_a_group_that_wait_for_its_interval_are_told_by_one() -> None:
    """The second waits two intervals longer than the first, whenever that is."""
    both = Both(lambda: GroupsOutbox("r", Grouping(wait=0, interval=10 * INTERVAL)))
    both.submit(alert(starts=NOON), NOON)
    both.tick(NOON)
    both.submit(alert("B", starts=NOON), NOON + INTERVAL)
    for minute in range(1, 30):
        both.tick(NOON + minute * INTERVAL, *"ba")
    assert both.heard == ["a: A firing", "a: A firing", "a: B firing"]


def test_one_without_the_receiver_makes_nobody_wait() -> None:
    """It will never tell it."""
    order = DeliveryOrder("b", lambda _: True)
    order.join(["r"])
    order.hear(replace(WORD, replica="a", delivered={"other": {}}), NOON)
    assert not order.others("r").go_first
    order.hear(replace(WORD, replica="a", delivered={"r": {}}), NOON)
    assert order.others("r").go_first


def test_one_that_returns_is_told_all_that_was_told() -> None:
    """In words of a thousand alerts at most; the last one says that it was all."""
    order = DeliveryOrder("a", lambda _: True)
    order.join(["r", "s"])
    order.tell("r", [alert(str(number), starts=NOON) for number in range(2_500)], NOON)
    words = list(order.everything(answers="b"))
    assert [len(word.delivered["r"]) for word in words] == [1_000, 1_000, 500]
    assert [(word.begins, word.answers) for word in words] == [(True, ""), (False, ""), (False, "b")]
    [word] = DeliveryOrder("x", lambda _: True).everything(answers="b")
    assert (word.begins, word.answers, dict(word.delivered)) == (True, "b", {})


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the alerts of a receiver, and by the number of others; what was told last is kept."""
    monkeypatch.setattr(module, "MAX_TOLD", 2)
    order = DeliveryOrder("a", lambda _: True)
    order.join(["r"])
    order.tell("r", [alert(str(number), starts=NOON) for number in range(5)], NOON)
    [word] = order.everything()
    assert list(word.delivered["r"]) == [alert(str(number), starts=NOON).fingerprint for number in (3, 4)]
    assert [len(word.delivered["r"]) for word in order.news()] == [2]
    for number in range(20):
        order.hear(
            replace(WORD, replica=f"0{number}", delivered={"r": {str(number): Delivered(firing=True, at=NOON)}}), NOON
        )
    assert len(order.others("r").delivered) == 2


def test_the_newest_delivery_counts_whoever_said_it() -> None:
    """Words of several may come in any order; once this one has told something itself, they count no more."""
    order = DeliveryOrder("z", lambda _: True)
    order.join(["r"])
    name = alert().fingerprint
    order.hear(replace(WORD, replica="a", delivered={"r": {name: Delivered(firing=False, at=NOON)}}), NOON)
    order.hear(replace(WORD, replica="b", delivered={"r": {name: Delivered(firing=True, at=NOON - 9)}}), NOON)
    assert order.others("r").delivered == {name: Delivered(firing=False, at=NOON)}
    order.tell("r", [alert()], NOON)
    assert order.others("r").delivered == {}


def test_a_word_from_the_future_is_of_now() -> None:
    """Else this one's own telling would never be newer."""
    order = DeliveryOrder("a", lambda _: True)
    order.join(["r"])
    order.hear(WORD, NOON - 5)
    assert order.others("r").delivered == {"0" * 16: Delivered(firing=True, at=NOON - 5)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": -1},
        {"number": True},
        {"replica": 7},
        {"begins": 1},
        {"asks": None},
        {"answers": "x" * 1_001},
        {"delivered": {"r": {"x" * 1_001: Delivered(firing=True, at=1)}}},
        {"delivered": {"r": {"x": (1, 1)}}},
        {"delivered": {"r": {"x": (True, 1.5)}}},
        {"delivered": {"r": {"x": (True, 1, 2)}}},
        {"delivered": {"r": {str(number): Delivered(firing=True, at=1) for number in range(10_001)}}},
    ],
)
def test_wrong_words_are_refused(wrong: dict[str, Any]) -> None:
    """Of each field."""
    assert decode(encode_deliveries(WORD)) == WORD
    with pytest.raises(VerdictsError):
        decode(encode_deliveries(replace(WORD, **wrong)))
