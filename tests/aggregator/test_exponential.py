"""Exponential histograms of a fleet: the kernels against plain Python, merging, losses, replicas, and what is shown."""

from __future__ import annotations

import json
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.components.http.explain import explain
from fog_aggregator.core.kinds import kind_named
from fog_aggregator.core.kinds.buckets import rows
from fog_aggregator.core.kinds.buckets.ladder import ladder_of
from fog_aggregator.history.capture import Capture
from fog_aggregator.promql.evaluation.annotations import Annotations
from fog_aggregator.promql.evaluation.histograms import quantile_kernel
from fog_schema.codec import decode, encode
from fog_schema.frames import KINDS_OF_VALUE
from fog_schema.paths import parse_path
from fog_schema.sections.exponential_histogram import bucket_range
from tests.aggregator.fleet import Fleet, Member
from tests.telemetry.test_exponential import counted, observations, without_sum
from utilityfog_frontend.telemetry import Exponential
from utilityfog_frontend.telemetry.exponential.buckets import ZERO_THRESHOLD, index_of
from utilityfog_frontend.telemetry.exponential.ladder import ladder_of as plain_ladder_of
from utilityfog_frontend.telemetry.exponential.value import ExponentialValue, as_numbers
from utilityfog_frontend.telemetry.exposition.text import generate_text

values = st.builds(counted, observations, st.integers(-4, 8))


def read(found: np.ndarray[Any, Any]) -> list[tuple[object, ...]]:
    """Return rows as values without their sums."""
    return [without_sum(one) for one in rows.values_of(found, [0.0] * len(found))]


@given(st.lists(values, max_size=12))
def test_values_survive_as_rows(several: list[ExponentialValue]) -> None:
    """Schema, zero and both sides; each row has a head that is sound."""
    made = rows.rows_of(several)
    assert read(made) == [without_sum(one) for one in several]
    assert rows.are_sound(made)
    assert rows.observations(made) == [one.count for one in several]


@given(st.lists(st.tuples(st.integers(0, 3), values), max_size=12))
def test_rows_are_summed_as_values_are(several: list[tuple[int, ExponentialValue]]) -> None:
    """Each cell at its lowest schema, or below it, exactly; a cell without rows has counted nothing."""
    cell = np.array([cell for cell, _ in several], np.int64)
    found = rows.summed(rows.rows_of(one for _, one in several), cell, 4)
    assert rows.are_sound(found)
    for place in range(4):
        total = ExponentialValue()
        for one in (one for at, one in several if at == place):
            total += one
        assert read(found[place : place + 1]) == [without_sum(total)]


@given(st.lists(st.tuples(values, values), max_size=8))
def test_rows_are_added_and_taken_away_as_values_are(pairs: list[tuple[ExponentialValue, ExponentialValue]]) -> None:
    """Row by row; what is added and taken away again is as before, at the lower schema."""
    known, others = rows.rows_of(one for one, _ in pairs), rows.rows_of(other for _, other in pairs)
    found, stayed = rows.added(known, others)
    assert stayed == 0
    assert read(found) == [without_sum(one + other) for one, other in pairs]
    back, _ = rows.added(found, rows.negated(others))
    assert read(back) == [without_sum(one + other - other) for one, other in pairs]
    assert read(known) == [without_sum(one) for one, _ in pairs], "what was added to is as it was"


@given(st.lists(st.tuples(values, values), max_size=8))
def test_rows_are_raised_bucket_by_bucket(pairs: list[tuple[ExponentialValue, ExponentialValue]]) -> None:
    """Of each bucket the larger count, once both are at one schema."""
    found = rows.raised(rows.rows_of(one for one, _ in pairs), rows.rows_of(other for _, other in pairs))
    for (one, other), row in zip(pairs, rows.values_of(found, [0.0] * len(pairs)), strict=True):
        schema = (one + other).schema
        mine, theirs = rows_by_bucket(one.at(schema)), rows_by_bucket(other.at(schema))
        largest = {bucket: max(mine.get(bucket, 0), theirs.get(bucket, 0)) for bucket in {*mine, *theirs}}
        assert (row.schema, rows_by_bucket(row)) == (schema, largest)


def rows_by_bucket(one: ExponentialValue) -> dict[tuple[int, int], int]:
    """Return the counts of a value by side and bucket."""
    sides = ((1, one.positive), (-1, one.negative))
    found = {(sign, index): n for sign, side in sides for index, n in enumerate(side.counts, side.first) if n}
    return found | ({(0, 0): one.zero} if one.zero else {})


@given(st.lists(values, min_size=1, max_size=6))
def test_a_ladder_of_rows_is_that_of_values(several: list[ExponentialValue]) -> None:
    """The bounds and counts of the plain twin, at the schema of the coarsest one."""
    bounds, counts = ladder_of(rows.rows_of(several))
    schema = rows.layout_of(rows.rows_of(several), np.zeros(len(several), np.int64), 1)[0, rows.COARSENESS]
    ladder = plain_ladder_of([one.at(min(one.schema, 8 - int(schema))) for one in several], finest=8 - int(schema))
    assert bounds == ladder.bounds
    assert counts.tolist() == [list(ladder.place(one)) for one in several]
    assert all(lower < upper for lower, upper in pairwise(bounds))


def test_counts_stay_at_the_most() -> None:
    """Two full buckets that fall into one, or are added, are not a negative one."""
    full = np.zeros((2, rows.ROW), np.int64)
    full[:, : rows.HEAD] = (5, 2**63 - 1, 1, 2, 0, 0)
    full[:, rows.HEAD : rows.HEAD + 2] = 2**63 - 1
    assert read(rows.summed(full, np.zeros(2, np.int64), 1))[0][2] == (1, (2**63 - 1,) * 2)
    coarse = rows.laid_out(full, np.array([[6, 0, 1, 1, 0, 0]] * 2))
    assert read(coarse)[0][2] == (1, (2**63 - 1,))
    found, stayed = rows.added(full, full)
    assert stayed == 6
    assert read(found) == read(full)


def test_every_language_has_the_same_range_of_buckets() -> None:
    """The wire's limits are where the SDK's buckets end."""
    for schema in range(-4, 9):
        least, most = index_of(np.nextafter(ZERO_THRESHOLD, 1), schema), index_of(1.7976931348623157e308, schema)
        assert bucket_range(schema) == (least, most)


def waiting(member: Member, *observed: float, schema: int = 3, queue: str = "a") -> None:
    """Observe some values at a node."""
    buckets = Exponential(schema)
    histogram = member.collector.register_histogram("wait_seconds", "Waiting", buckets, labels=["queue"])
    for one in observed:
        histogram.labels(queue).observe(one)


def total(fleet: Fleet, **view: Any) -> ExponentialValue:
    """Return the one sample of the histogram in a view."""
    [value] = fleet.samples("wait_seconds", **view).values()
    assert isinstance(value, ExponentialValue)
    return value


def test_a_fleet_merges_exactly_at_the_lowest_schema() -> None:
    """Nodes of different schemas are one histogram, as if all had been observed at the lowest one."""
    fleet = Fleet()
    observed = {"fog/0/a": [0.1, 0.25, 7.0, 0.0], "fog/0/b": [0.11, -3.0], "fog/1/c": [1e-3, 1.0]}
    for schema, (path, some) in zip((5, 3, 4), observed.items(), strict=True):
        waiting(fleet.join(path), *some, schema=schema)
    fleet.send()
    assert without_sum(total(fleet)) == without_sum(counted([*chain(*observed.values())], 3))
    assert without_sum(total(fleet, under=parse_path("fog/1"))) == without_sum(counted(observed["fog/1/c"], 4))
    waiting(fleet.members[2], 0.5, schema=4)
    fleet.send()
    assert without_sum(total(fleet)) == without_sum(counted([*chain(*observed.values()), 0.5], 3))


def test_a_schema_falls_while_frames_are_lost() -> None:
    """A delta at a lower schema is added to what is known, and a keyframe brings what was lost."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    seen: list[float] = []
    for step in range(12):
        more = [2.0 ** (step * 7 % 60 - 30 + 0.3), 1.0 + step / 7]
        seen += more
        waiting(member, *more)
        if step in (3, 6, 7):
            member.skip()
            continue
        member.send()
        assert total(fleet).count <= len(seen)
    member.finish()
    assert without_sum(total(fleet)) == without_sum(counted(seen, 3))
    assert total(fleet).sum == pytest.approx(sum(seen))


def test_what_a_frame_has_is_what_the_reader_reads() -> None:
    """A keyframe and a delta through the codec, with definitions in a field that older readers skip."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    waiting(member, 0.1, -0.2, 0.0)
    frame = decode(member.writer.encode_part(fleet.now, 100_000).data)
    assert not frame.definitions
    assert frame.later_definitions
    assert frame.exponentials is not None
    assert decode(encode(frame)) == frame
    assert frame.exponentials.lengths.tolist() == [1, 1]


def test_fixed_and_exponential_buckets_under_one_name_are_a_conflict() -> None:
    """The kind that most live nodes have is shown, the other one is reported with its nodes."""
    fleet = Fleet()
    for path in ("fog/0", "fog/1"):
        waiting(fleet.join(path), 0.5)
    fixed = fleet.join("fog/2").collector.register_histogram("wait_seconds", "Waiting", [1.0], labels=["queue"])
    fixed.labels("a").observe(0.5)
    fleet.send()
    assert total(fleet).count == 2
    [versions] = fleet.network.conflicts().values()
    assert [(one.family.key.type_name, one.shown, len(one.nodes)) for one in versions] == [
        ("exponential_histogram", True, 2),
        ("histogram", False, 1),
    ]


def test_text_and_history_show_bounds() -> None:
    """In text powers of two; for queries the buckets as they are, cumulative, with the sum and the count."""
    fleet = Fleet()
    waiting(fleet.join("fog/0"), 0.1, 0.25)
    waiting(fleet.join("fog/1"), 3.0)
    fleet.send()
    text = generate_text(fleet.families("wait_seconds")).decode()
    assert 'wait_seconds_bucket{queue="a",le="0.25"} 2\n' in text
    assert 'wait_seconds_bucket{queue="a",le="4.0"} 3\n' in text
    sampled = [one for one in fleet.network.view().sampled() if one.family.name == "wait_seconds"]
    columns = Capture().columns(sampled, (0, 0), [])
    bounds = [float(bound) for labels in columns.table.labels if (bound := dict(labels).get("le"))]
    assert len(bounds) == index_of(3.0, 3) - index_of(0.1, 3) + 3
    assert columns.raw.tolist()[: len(bounds)][-1] == 3
    assert sum(one.lines for family in sampled for one in family.parts) == len(columns.table.labels)


def test_explain_is_plain_data() -> None:
    """The schema and the buckets of the total, of each child and of the node's epochs, as JSON has them."""
    fleet = Fleet()
    waiting(fleet.join("fog/0"), 0.1, 0.25)
    fleet.send()
    found = explain(fleet.network, parse_path("fog/0"), "wait_seconds")
    assert found is not None
    json.dumps(found)
    [total_] = found["total"]
    assert {**total_["value"], "sum": 0} == {**as_numbers(counted([0.1, 0.25])), "sum": 0, "count": 2}


def test_quantiles_are_within_a_bucket_of_the_truth() -> None:
    """An interpolated quantile lies in the bucket of the true value: 9 % at schema 3, wherever values lie."""
    rng = np.random.default_rng(7)
    for scale in (1e-9, 1.0, 1e12):
        observed = np.sort(rng.lognormal(0.0, 1.0, 5_000)) * scale
        fleet = Fleet()
        waiting(fleet.join("fog/0"), *observed[::2].tolist())
        waiting(fleet.join("fog/1"), *observed[1::2].tolist())
        fleet.send()
        [sampled] = [one for one in fleet.network.view().sampled() if one.family.name == "wait_seconds"]
        bounds, ladder = sampled.parts[0].ladder(())
        counts, steps = ladder.T.astype(np.float64), np.zeros(1, np.int64)
        for quantile in (0.5, 0.9, 0.99, 0.999):
            kernel = quantile_kernel(np.array([quantile]), steps, Annotations())
            [found] = kernel(np.array([*bounds, np.inf]), counts, steps).tolist()
            true = observed[int(np.ceil(quantile * len(observed))) - 1]
            assert found == pytest.approx(true, rel=2**0.125 - 1)


def test_counts_survive_a_checkpoint() -> None:
    """Rows, sums and heads; the kind is known by its name, and a row that is none is refused."""
    fleet = Fleet()
    waiting(fleet.join("fog/0"), 0.1, 1e9, -5.0)
    fleet.send()
    image = fleet.state.image()
    again = fleet.state.fresh()
    again.restore(image)
    kind = kind_named("exponential_histogram")
    assert read(again.parts.slots.tables[kind].values[:1]) == [without_sum(counted([0.1, 1e9, -5.0]))]
    assert "exponential_histogram" in KINDS_OF_VALUE
    table = kind.new_table()
    columns = {name: one.copy() for name, one in again.parts.slots.tables[kind].image().items()}
    columns["values"][0, rows.ABOVE_LENGTH] = 161
    with pytest.raises(ValueError, match="no exponential histogram"):
        table.restore(columns)
