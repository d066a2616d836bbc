"""The frames of one path neither fill the memory nor take the room of others."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.fleet.event_list import MAX_WRITERS, EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message
from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import pack_ids, pack_ints
from fog_schema.frames import COUNTER, DELTA, EVENTS, FINAL, KEYFRAME, LAST_PART, Definition, Event, Frame, Numbers
from fog_schema.limits import MAX_SEQ, MAX_WHOLE
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

EVIL, GOOD = ("fog", "evil"), ("fog", "good")
NOW = 1_700_000_000.0
NUMBERS = st.sampled_from([1, 2, 500, 2**62, MAX_SEQ - 4, MAX_SEQ - 2])
TOLD = st.tuples(st.integers(1, 3), NUMBERS, st.booleans())
NINE = [(e, n, held) for e in (1, 2, 3) for n, held in ((1, False), (MAX_SEQ - 2, False), (MAX_SEQ - 2, True))]


def keyframe(seq: int, *values: str, name: str = "a_total", epoch: int = 7, first: int = 0, flags: int = 0) -> Frame:
    """One with a counter of 1 for each label value, the ids from `first` on."""
    ids = pack_ids(range(first, first + len(values)))
    definition = Definition(name, COUNTER, "", "", (), (), ("l",), ids, values)
    frame = Frame(KEYFRAME, epoch, seq, flags | LAST_PART, definitions=encode_definitions([definition]))
    frame.counters = Numbers(ids, pack_ints([1] * len(values)))
    return frame


def test_a_path_brings_only_so_many_label_sets() -> None:
    """Also when it defines the same ids anew each time and holds few slots; what others bring is still welcome."""
    state = Fleet(limits=FleetLimits(brought_per_path=100))
    refused = 0
    for seq in range(1, 20):
        values = [f"{seq} {number}" for number in range(30)]
        refused += state.apply(EVIL, keyframe(seq, *values), NOW).refused_series
    assert state.catalog.entries <= 100
    assert refused > 400
    assert state.apply(GOOD, keyframe(1, "x", "y"), NOW).refused_series == 0
    assert state.apply(EVIL, keyframe(20, "x", "y", first=1000), NOW).refused_series == 0, "these are known already"


def test_a_path_brings_only_so_many_families() -> None:
    """A family costs memory of its own, with or without series."""
    state = Fleet(limits=FleetLimits(brought_per_path=100))
    for seq in range(1, 300):
        state.apply(EVIL, keyframe(seq, name=f"a{seq}_total"), NOW)
    assert len(state.catalog.families) <= 100


def test_a_path_brings_fewer_families_than_label_sets() -> None:
    """Each view looks at every family; others still bring theirs, and this is no want of memory."""
    state = Fleet(limits=FleetLimits(families_per_path=50))
    refused = [state.apply(EVIL, keyframe(seq, "x", name=f"a{seq}_total"), NOW).refused_series for seq in range(1, 61)]
    assert (len(state.catalog.families), sum(refused), state.parts.budget.refused.total()) == (50, 10, 0)
    assert state.apply(EVIL, keyframe(61, *map(str, range(99)), name="a1_total"), NOW).refused_series == 0
    assert state.apply(GOOD, keyframe(1, "x", name="good_total"), NOW).refused_series == 0
    state.parts.time.observed_seconds += 8 * DAY
    assert state.apply(EVIL, keyframe(62, "x", name="a60_total"), NOW).refused_series == 0


def test_a_path_may_bring_more_after_the_horizon() -> None:
    """By then what it brought and nobody holds is gone: a program with ever new label values runs for years."""
    state = Fleet(limits=FleetLimits(brought_per_path=10))
    assert state.apply(EVIL, keyframe(1, *map(str, range(20))), NOW).refused_series == 11
    state.parts.time.observed_seconds += 8 * DAY
    assert state.apply(EVIL, keyframe(2, *map(str, range(20, 25)), first=100), NOW).refused_series == 0


def test_a_path_has_only_so_many_slots() -> None:
    """All its epochs and its closed total together."""
    state = Fleet(limits=FleetLimits(series_per_path=50))
    values = list(map(str, range(20)))
    for epoch in range(1, 10):
        state.apply(EVIL, keyframe(1, *values, epoch=epoch), NOW)
    assert sum(map(len, state.parts.slots.tables.values())) == 50
    assert state.apply(GOOD, keyframe(1, *values), NOW).refused_series == 0


def test_what_a_path_counted_stays_at_its_limit_when_it_ends() -> None:
    """Several ids of one label set, each at 2^63 - 1: folded, their sum was negative, and hid what others have."""
    state, most = Fleet(), 2**63 - 1
    for seq, flags in ((1, 0), (2, FINAL)):
        frame = keyframe(seq, "x", "x", flags=flags)
        frame.counters = Numbers(pack_ids(range(2)), pack_ints([most] * 2))
        state.apply(EVIL, frame, NOW)
    assert state.places[EVIL].epochs == {}
    assert state.parts.slots.tables[INTEGER_COUNTER].values[
        state.places[EVIL].closed.maps[INTEGER_COUNTER].items()[1]
    ].tolist() == [most]


def test_the_tombstones_of_a_path_do_not_push_out_anothers() -> None:
    """An epoch that another path folded stays folded, whoever floods."""
    state = Fleet(limits=FleetLimits(tombstones=10))
    state.apply(GOOD, keyframe(1, "x", epoch=1, flags=FINAL), NOW)
    state.parts.time.observed_seconds += 60.0
    for epoch in range(2, 50):
        state.apply(EVIL, keyframe(1, "x", epoch=epoch, flags=FINAL), NOW)
    state.sweep()
    assert len(state.parts.tombstones) == 10
    assert state.apply(GOOD, keyframe(1, "x", epoch=1, flags=FINAL), NOW).status is Status.FOLDED


def test_an_age_beyond_all_calendars_is_no_moment_before_1970() -> None:
    """It is exported as the moment of creation, in seconds that no format knows below 0."""
    state = Fleet()
    frame = keyframe(1, "x")
    frame.age_ms = 2**53
    state.apply(EVIL, frame, NOW)
    assert state.places[EVIL].epochs[7].birth == 0.0


def hear(events: EventList, path: Path, epoch: int, seq: int) -> int:
    """How many events of a frame are listed."""
    event = Event("e", None, {}, {}, 1.0)
    return events.apply(path, Frame(kind=EVENTS, epoch=epoch, seq=seq, events=(event,)), NOW + epoch)


def test_the_numbers_of_so_many_writers_of_a_path_are_remembered() -> None:
    """Of ever new epochs the one silent for longest is forgotten, with what was wanted of it; others' are not."""
    events = EventList(10)
    hear(events, GOOD, 1, 1)
    hear(events, EVIL, 1, 3)
    for epoch in range(2, MAX_WRITERS + 1):
        hear(events, EVIL, epoch, 3)
    hear(events, EVIL, 1, 4)
    for epoch in range(MAX_WRITERS + 1, 2 * MAX_WRITERS):
        hear(events, EVIL, epoch, 3)
    assert len(events.seen) == MAX_WRITERS + 1
    assert len(events.wanted) == MAX_WRITERS
    assert hear(events, GOOD, 1, 1) == hear(events, EVIL, 1, 4) == 0
    image = take_image(Fleet(), events, Ratchet(), {}, ("fog.v1", (), ()))
    after = EventList(10)
    restore(read_image(b"".join(image.chunks())), Fleet(), after, Ratchet())
    assert after.seen == events.seen
    hear(after, EVIL, 5000, 3)
    assert len(after.seen) == MAX_WRITERS + 1


@given(st.lists(TOLD, max_size=30))
@example(NINE)
def test_no_number_of_an_event_keeps_the_state_from_being_saved(told: list[tuple[int, int, bool]]) -> None:
    """Wherever the holes are: what is lost stays at 2^63 - 1, and a checkpoint has it as it is."""
    events = EventList(10)
    for epoch, number, held in told:
        if held:
            events.reported(EVIL, epoch, (number, MAX_SEQ - 1), NOW)
        else:
            hear(events, EVIL, epoch, number)
    after = EventList(10)
    image = take_image(Fleet(), events, Ratchet(), {}, ("fog.v1", (), ()))
    restore(read_image(b"".join(image.chunks())), Fleet(), after, Ratchet())
    assert (after.lost, after.seen, after.wanted) == (events.lost, events.seen, events.wanted)
    assert 0 <= events.lost <= MAX_WHOLE


def test_frames_that_are_missing_are_counted_up_to_the_largest_count() -> None:
    """Two writers jump to the end of all numbers in one batch: the metric says that frames are missing."""
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(Fleet(), EventList(), own, lambda: NOW)
    ingest = Ingest(
        network.fleet, network.events, Accounts(Subjects()), BranchPatterns(), SelfMetrics(own), lambda *_: None
    )
    frames = [Frame(DELTA, epoch, seq) for epoch in (1, 2) for seq in (1, MAX_SEQ)]
    ingest.metrics([Message("fog.v1.metrics.fog.evil", encode(frame), 1, 1) for frame in frames], 1.0)
    (missing,) = [one for one in own.collect() if one.family.name == "fog_aggregator_frames_missing_total"]
    assert [series.value for series in missing.series] == [MAX_WHOLE]
