"""The simulator looks at the counts of each epoch: a total of them does not show one that falls while another rises."""

from __future__ import annotations

import pytest

from fog_aggregator.core.kinds import Kind
from fog_proving.epoch_counts import EpochCounts
from fog_proving.sim.run import run
from fog_proving.sim.steps import Step
from tests.aggregator.fleet import Fleet, counting

TWO_WRITERS = (*2 * (Step("spawn", 0, 1),), Step("count"), Step("count", 1), *4 * (Step("beat"),))


def of_writers(fleet: Fleet) -> list[Kind]:
    """Return the kinds whose counts the writers have, one count of each at slot 0."""
    return [kind for kind, table in fleet.state.parts.slots.tables.items() if kind.counted and table.size]


def test_a_count_that_moves_to_another_epoch_is_found() -> None:
    """Both are of one path: its total, and every total above it, is the same."""
    assert not run(TWO_WRITERS)
    assert run(TWO_WRITERS, "counts-move").startswith("a count of an epoch fell: integer_counter")


@pytest.mark.parametrize(("value", "what"), [(-1, "is negative"), (3, "fell")])
def test_a_count_is_neither_negative_nor_falls(value: int, what: str) -> None:
    """It may stand still."""
    fleet, counts = counting("fog/0", {"orders": 5}), EpochCounts()
    assert [counts.wrong(fleet.state), counts.wrong(fleet.state)] == ["", ""]
    [kind] = of_writers(fleet)
    fleet.state.parts.slots.tables[kind].values[0] = value
    assert counts.wrong(fleet.state).startswith(f"a count of an epoch {what}: {kind} ")


def test_a_slot_that_another_epoch_gets_begins_anew() -> None:
    """The same id, the same row: it is another one's count."""
    fleet, counts = counting("fog/0", {"orders": 5}), EpochCounts()
    assert not counts.wrong(fleet.state)
    [kind] = of_writers(fleet)
    table, [place] = fleet.state.parts.slots.tables[kind], fleet.state.places.values()
    [(number, epoch)] = place.epochs.items()
    del place.epochs[number]
    assert not counts.wrong(fleet.state)  # nobody's now
    table.values[0], place.epochs[number] = 1, epoch
    assert not counts.wrong(fleet.state)
