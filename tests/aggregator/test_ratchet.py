"""Values of fractional counters do not fall by a last digit, whoever asks, and what is remembered for it is bounded."""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import msgpack
import pytest

from fog_aggregator.core.saved import Saved
from fog_aggregator.query import ratchet as ratchets
from fog_aggregator.query.ratchet import GroupedKey, Ratchet
from fog_aggregator.query.selection import Matcher
from tests.aggregator.fleet import asked, counting


def test_a_sum_by_labels_does_not_fall_by_a_last_digit() -> None:
    """Return the same fractions added in another order are held at what was exported; what really left is not."""
    fleet = counting("fog/0", {"a": 0.1, "b": 0.2})
    view = {"by": ()}
    value = fleet.samples("work_total", **view)[()]
    (key,) = fleet.network.ratchet.grouped
    fleet.network.ratchet.grouped[key] = higher = math.nextafter(value, 1)
    assert fleet.samples("work_total", **view) == {(): higher}
    fleet.network.ratchet.grouped[key] = 2.0
    assert fleet.samples("work_total", **view) == {(): value}
    assert fleet.network.ratchet.exported == {}


@pytest.mark.parametrize(
    "others",
    [
        {"by": ("kind",)},
        {"by": (), "matchers": [Matcher("kind", "a")]},
        {"by": (), "level": 0},
        {"by": (), "info": "version"},
        {"by": (), "under": ("fog", "0"), "own": True},
    ],
)
def test_what_was_exported_of_one_view_holds_no_other_one_up(others: Any) -> None:
    """Return each selection, grouping and label set has a value of its own to be held at."""
    fleet = counting("fog/0", {"a": 0.5})
    fleet.samples("work_total", by=())
    fleet.samples("work_total", **others)
    assert len(fleet.network.ratchet.grouped) == 2


def test_what_is_held_up_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the values that were exported least lately first, by the bytes that a checkpoint needs for them."""
    keys = [
        GroupedKey(own=False, path=(), group=(), matchers=(), by=(), family=family, labels=()) for family in range(3)
    ]
    monkeypatch.setattr(ratchets, "MOST_GROUPED", sum(key.weight for key in keys) - 1)
    ratchet = Ratchet()
    for key in (keys[0], keys[1], keys[0], keys[2]):
        ratchet.clamp_grouped(key, 1.0)
    assert list(ratchet.grouped) == [keys[0], keys[2]]


def test_long_matchers_do_not_grow_a_checkpoint() -> None:
    """Bound what strangers can make an aggregator remember: texts of any length, as often as they ask."""
    ratchet = Ratchet()
    for number in range(3_000):
        matchers = (Matcher("kind", f"{number}" + "ä" * 4_000, equal=False),)
        key = GroupedKey(own=False, path=("fog",), group=(), matchers=matchers, by=("a",), family=1, labels=())
        ratchet.clamp_grouped(key, 0.5)
    size = len(msgpack.packb(ratchet.image().plain))
    assert ratchets.MOST_GROUPED / 2 < size <= ratchets.MOST_GROUPED
    other = Ratchet()
    other.restore(Saved(msgpack.unpackb(msgpack.packb(ratchet.image().plain))))
    assert list(other.grouped) == list(ratchet.grouped)
    assert len(other.only(lambda _: True).grouped) == len(ratchet.grouped)


def test_what_is_held_up_outlives_a_restart() -> None:
    """Return a checkpoint has it, with every part of the key."""
    ratchet, other = Ratchet(), Ratchet()
    matchers = (Matcher("kind", "a", equal=False),)
    one = GroupedKey(
        own=True,
        path=("f", "0"),
        group=("version", "1"),
        matchers=matchers,
        by=("zone",),
        family=3,
        labels=(("zone", "x"),),
    )
    ratchet.clamp_grouped(one, 0.5)
    ratchet.clamp_grouped(one._replace(own=False, path=(), by=None, labels=()), 1.5)
    other.restore(Saved(msgpack.unpackb(msgpack.packb(ratchet.image().plain))))
    assert other.grouped == ratchet.grouped


def test_a_checkpoint_never_meets_values_half_remembered() -> None:
    """Take what was exported while other threads export: keys that hash in Python let threads take turns anywhere."""
    fleet = counting("fog/0", {"a": 0.1})
    network = fleet.network
    questions = [asked(by=(), matchers=[Matcher("kind", f"{number}", equal=False)]) for number in range(1_000)]
    for question in questions:
        assert network.view(*question).metrics
    views = [network.view(*question) for question in questions]
    exported = threading.Thread(target=lambda: [view.metrics for view in views])
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    exported.start()
    try:
        taken = []
        for _ in range(100):  # not until the other ends: a thread that takes locks again at once starves it
            with network.held_still():
                taken.append(len(network.ratchet.image().plain["grouped"]))
    finally:
        sys.setswitchinterval(interval)
        exported.join()
    assert set(taken) == {1_000}
