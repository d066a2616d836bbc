"""A checkpoint: what is restored behaves as what was saved; what is damaged is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.checkpoint import CheckpointError, read_image, restore, take_image
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.saved import Part
from fog_aggregator.network import NetworkCollector
from fog_aggregator.notifications.silences import Silences
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.rules.rule_set import RuleSet
from fog_bus.ports import Position
from fog_schema.commands import SILENCE, Command
from fog_schema.frames import EVENTS, Event, Frame
from tests.aggregator.fleet import asked
from tests.aggregator.telling import FEW, START, Telling, hear, tellings, totals
from tests.rules.alert_watch import Watch
from tests.rules.storing import load_text
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exposition import generate_text

POSITIONS = {"FOG_METRICS": Position("2026-01-01", 7, 1), "FOG_EVENTS": Position("2026-01-02", 0, 0)}


def saved(state: Fleet, events: EventList, ratchet: Ratchet) -> bytes:
    """Return a checkpoint's bytes."""
    return b"".join(take_image(state, events, ratchet, POSITIONS, ("fog.v1", ("f",), ())).chunks())


def restored(data: bytes) -> tuple[Fleet, EventList, Ratchet]:
    """Return the contents of a checkpoint."""
    state, events, ratchet = Fleet(), EventList(), Ratchet()
    image = read_image(data)
    assert image.scope == ("fog.v1", ("f",), ())
    assert restore(image, state, events, ratchet) == POSITIONS
    return state, events, ratchet


def exposed(state: Fleet) -> list[bytes]:
    """Return the exported numbers, at each level."""
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(state, EventList(), own, lambda: state.now)
    views = [asked(level=0), asked(level=1), asked(under=("f", "0"), own=True)]
    return [generate_text(network.collect(*view)) for view in views]


@FEW
@given(tellings(), st.integers(0, 60), st.sampled_from([0.0, 8 * DAY]))
def test_what_is_restored_behaves_as_what_was_saved(told: list[Telling], place: int, silence: float) -> None:
    """From any moment on, also within a keyframe: the same outcomes, totals, exposition, tombstones and gaps."""
    one, events, ratchet = Fleet(), EventList(), Ratchet()
    hear(one, told[:place])
    one.parts.time.observed_seconds += silence
    one.sweep()
    one.parts.time.caught_up = True
    ratchet.exported[False, ("f",), 3] = 0.1
    data = saved(one, events, ratchet)
    other, _, held = restored(data)
    assert held.exported == ratchet.exported
    assert exposed(other) == exposed(one)
    assert hear(other, told[place:]) == hear(one, told[place:])
    assert (totals(other), exposed(other)) == (totals(one), exposed(one))
    assert other.parts.tombstones.image().plain == one.parts.tombstones.image().plain
    assert sorted(other.gapped.values()) == sorted(one.gapped.values())
    for fleet in (one, other):
        fleet.parts.time.observed_seconds += 8 * DAY
    assert other.sweep() == one.sweep()
    assert (totals(other), other.retired_counts()) == (totals(one), one.retired_counts())


def test_a_keyframe_under_way_goes_on() -> None:
    """An epoch that returns has ended its return with the same part after a restart: what comes later counts."""
    collector = TelemetryCollector(self_metrics=False)
    counters = [collector.register_counter(f"counter_number_{number}_total", "x" * 50) for number in range(9)]
    writer = Writer([collector.watch_series()], Settings(), epoch=1, now=0.0)

    def told() -> list[Telling]:
        """Return the keyframe that is due, in parts."""
        frames = [writer.encode_part(0.0, 400)]
        while writer.within_keyframe:
            frames.append(writer.encode_part(0.0, 400))
        return [Telling(("f", "0"), frame.data, START) for frame in frames]

    counters[0].increment(2)
    before, *parts = Fleet(), *told()
    hear(before, parts)
    before.parts.time.observed_seconds = 8 * DAY
    before.sweep()
    first, *others = told()
    hear(before, [first])
    state = restored(saved(before, EventList(), Ratchet()))[0]
    hear(state, others)
    collector.register_counter("newcomer_total").increment(3)
    hear(state, told())
    counted = {cell.name: count for cell, count in totals(state)["f", "0"].items()}
    assert (len(others) > 1, counted) == (True, {"newcomer_total": 3, "counter_number_0_total": 2})


def test_events_are_remembered() -> None:
    """The list and what was seen: what comes again is not listed again."""
    frame = Frame(EVENTS, 5, 1, events=(Event("started", {"at": [1, None]}, {"a": "b"}, {}, 3.5),) * 2)
    events = EventList()
    events.apply(("f", "0"), frame, START)
    _, again, _ = restored(saved(Fleet(), events, Ratchet()))
    assert list(again.events) == list(events.events)
    assert again.apply(("f", "0"), frame, START) == 0
    assert (again.total, again.repeated) == (2, 2)


@FEW
@given(st.data())
def test_a_damaged_file_is_refused(data: st.DataObject) -> None:
    """Cut anywhere, or with any bit flipped."""
    state = Fleet()
    state.apply(("f", "0"), Frame(1, 7, 1, 4), START)
    whole = saved(state, EventList(), Ratchet())
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[:place] + bytes([whole[place] ^ 1 << data.draw(st.integers(0, 7))]) + whole[place + 1 :]
    for damaged in (whole[:place], flipped):
        with pytest.raises(CheckpointError):
            read_image(damaged)


def test_a_damaged_part_leaves_all_other_parts_as_they_were() -> None:
    """A later part is damaged: rules and silences that were restored before it are taken back."""
    watch = Watch()
    watch.step(9)
    silences = Silences()
    silences.take(("fog",), Command(SILENCE, "a", matchers=((0, "alertname", "Hot"),), duration=1_000), 1.0)
    fleet, events, ratchet = Fleet(), EventList(), Ratchet()
    others: dict[str, Part] = {"rules": watch.set, "silences": silences, "last": RuleSet()}
    image = take_image(fleet, events, ratchet, {}, ("fog.v1", ("f",), ()), others)
    image.plain["parts"]["last"] = {"rules": [[7]]}
    rules, known = RuleSet(), Silences()
    rules.replace([load_text("groups: []")])
    with pytest.raises(CheckpointError):
        restore(image, Fleet(), EventList(), Ratchet(), {"rules": rules, "silences": known, "last": RuleSet()})
    assert len(known) == 0
    assert rules.take_removed(0) == [], "nobody hears of the end of alerts that were never restored"
    image.plain["parts"]["last"] = {"rules": []}
    restore(image, Fleet(), EventList(), Ratchet(), {"rules": rules, "silences": known, "last": RuleSet()})
    assert (len(known), len(rules.take_removed(0))) == (1, 1)
    image.plain["streams"] = {"FOG_METRICS": (1, 2)}
    other = Silences()
    with pytest.raises(CheckpointError):
        restore(image, Fleet(), EventList(), Ratchet(), {"silences": other})
    assert len(other) == 0
