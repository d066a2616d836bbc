"""An aggregator sends its subtree's totals up as the series of a writer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fog_agent.core.epoch_series import SeriesValue
from fog_agent.core.summary import GaugeSummary
from fog_agent.core.writer import Settings, Writer
from fog_aggregator.components.rollup.watch import RollupWatch
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.families.known import Family, FamilyKey
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.options import parse_branch
from fog_aggregator.query.totals import Total, Totals
from fog_schema.frames import COUNTER, GAUGE, HISTOGRAM, Absences, CoverageNumbers
from tests.agent.reader import Reader
from utilityfog_frontend.telemetry import model
from utilityfog_frontend.telemetry.model import HistogramValue, MetricType

FAMILIES = (
    Family(FamilyKey("work_total", COUNTER, ""), "Work", ()),
    Family(FamilyKey("level", GAUGE, ""), "Level", ("sum", "last")),
    Family(FamilyKey("wait_seconds", HISTOGRAM, "seconds"), "Waiting", ()),
)
ENTRIES = [
    SeriesEntry(0, (("kind", "a"),)),
    SeriesEntry(0, (("kind", "b"),)),
    SeriesEntry(1, ()),
    SeriesEntry(2, (), (1.0,)),
]
ONE = GaugeSummary(1, 1.0, 1.0, 1.0)


class Subtree:
    """A subtree whose totals a test sets, its watch and a writer of them."""

    def __init__(self) -> None:
        self.totals = Totals(
            {0: 5, 3: HistogramValue((1, 2), 4.5), 2: ONE}, [*ENTRIES], FAMILIES, Coverage((1, 2, 3, 4, 5, 0, 0), 0.25)
        )
        self.watch = RollupWatch(lambda: self.totals)
        self.writer = Writer([self.watch], Settings(), epoch=7, now=0.0)

    def set(self, values: dict[int, Total], entries: list[SeriesEntry] | None = None) -> None:
        """Change some of the totals."""
        self.totals = replace(self.totals, values=self.totals.values | values, entries=entries or self.totals.entries)

    def drop(self, *series: int) -> None:
        """Let some series have no total any more."""
        self.totals = replace(
            self.totals, values={number: value for number, value in self.totals.values.items() if number not in series}
        )

    def values(self) -> dict[str, SeriesValue]:
        """Return the series that are followed now, by name and label values."""
        return {
            one.family.name + "".join(f",{value}" for _, value in one.labels): one.read() for one in self.watch.series()
        }


@pytest.fixture
def subtree() -> Subtree:
    """Provide a counter, a gauge and a histogram."""
    return Subtree()


def test_a_family_that_is_described_anew_is_sent_so(subtree: Subtree) -> None:
    """Most nodes choose another rollup now: the next keyframe says so, and the series keep their ids."""
    subtree.watch.series()
    subtree.writer.encode_part(0.0, 10_000)
    level = Family(FAMILIES[1].key, "How full", ("max",))
    subtree.totals = replace(subtree.totals, families=(FAMILIES[0], level, FAMILIES[2]))
    subtree.writer.encode_delta(1.0, 10_000)
    assert {(one.family.help, one.family.rollup) for one in subtree.watch.series() if one.family.name == "level"} == {
        ("How full", ("max",))
    }
    assert not subtree.watch.take_ended()


def test_each_total_is_a_series(subtree: Subtree) -> None:
    """With its family in the SDK's words, a histogram's bounds among them, and its labels."""
    assert subtree.values() == {"work_total,a": 5, "level": ONE, "wait_seconds": HistogramValue((1, 2), 4.5)}
    assert {one.family for one in subtree.watch.series()} == {
        model.Family("work_total", MetricType.COUNTER, "Work"),
        model.Family("level", MetricType.GAUGE, "Level", rollup=("sum", "last")),
        model.Family("wait_seconds", MetricType.HISTOGRAM, "Waiting", "seconds", (1.0,)),
    }


def test_the_tuple_is_the_same_while_none_came_or_went(subtree: Subtree) -> None:
    """A change of values changes the series in place; a newcomer makes another tuple with the same ones in it."""
    first = subtree.watch.series()
    subtree.set({0: 6})
    assert subtree.watch.series() is first
    assert subtree.values()["work_total,a"] == 6
    subtree.set({0: 6, 1: 1})
    assert set(first) < set(subtree.watch.series())
    assert subtree.watch.take_ended() == []


def test_what_is_gone_is_told_once(subtree: Subtree) -> None:
    """A gauge that nobody has, and a count that left: still readable, and another one when it comes back."""
    work, *_ = subtree.watch.series()
    subtree.drop(0, 2)
    assert subtree.values() == {"wait_seconds": HistogramValue((1, 2), 4.5)}
    ended = subtree.watch.take_ended()
    assert [one.read() for one in ended] == [5, ONE]
    assert work in ended
    assert subtree.watch.take_ended() == []
    subtree.set({0: 7})
    assert work not in subtree.watch.series()


def test_a_number_that_is_given_out_again_is_another_series(subtree: Subtree) -> None:
    """Even for an equal entry: what was forgotten in between began anew."""
    work, *_ = subtree.watch.series()
    subtree.set({0: 1}, [SeriesEntry(0, (("kind", "a"),)), *ENTRIES[1:]])
    assert work not in subtree.watch.series()
    assert subtree.watch.take_ended() == [work]
    assert subtree.values()["work_total,a"] == 1


def test_newcomers_wait_while_they_are_refused(subtree: Subtree) -> None:
    """Too many series that ended wait to be acknowledged: new ones begin when there is room again."""
    known = subtree.watch.series()
    subtree.watch.refuse_newcomers = True
    subtree.set({0: 6, 1: 1})
    assert subtree.watch.series() is known
    assert subtree.values()["work_total,a"] == 6
    subtree.watch.refuse_newcomers = False
    assert subtree.values()["work_total,b"] == 1


def test_a_count_is_never_said_to_have_fallen(subtree: Subtree) -> None:
    """A writer's next delta would be negative, and refused; and the deltas after it would count twice."""
    subtree.watch.series()
    subtree.set({0: 4, 3: HistogramValue((0, 2), 1.0)})
    assert subtree.values() == {"work_total,a": 5, "level": ONE, "wait_seconds": HistogramValue((1, 2), 4.5)}


def test_no_bucket_is_said_to_have_fallen(subtree: Subtree) -> None:
    """Another replica of a branch below has more observations, but fewer in one bucket: that must wait.

    Said as an increment it is negative, and the whole frame refused.
    """
    reader = Reader()
    for observed, told in (((5, 5), (5, 5)), ((3, 9), (5, 5)), ((5, 9), (5, 9))):
        subtree.set({3: HistogramValue(observed, 1.0)})
        delta = subtree.writer.encode_delta(1.0, 1_000_000)
        assert delta is not None
        reader.read(delta.data)
        assert reader.total("wait_seconds") == (told, 1.0)


def test_a_counter_that_had_fractions_is_never_whole_again(subtree: Subtree) -> None:
    """On the wire it travels as a value from then on."""
    subtree.watch.series()
    for total in (5.5, 7):
        subtree.set({0: total})
        value = subtree.values()["work_total,a"]
        assert (value, type(value)) == (total, float)


def test_coverage_travels_in_milliseconds(subtree: Subtree) -> None:
    """Nodes by state, and the age of the oldest frame; beside it those that ended and those that are missing."""
    subtree.watch.series()
    assert subtree.watch.coverage == (CoverageNumbers(1, 2, 3, 250), Absences(4, 5))


def test_a_writer_sends_absolute_totals(subtree: Subtree) -> None:
    """First all that the subtree ever counted, then what came since the last frame."""
    reader = Reader()
    reader.read(subtree.writer.encode_part(0.0, 1_000_000).data)
    subtree.set({0: 8, 1: 3, 3: HistogramValue((1, 3), 6.5)})
    subtree.drop(2)
    delta = subtree.writer.encode_delta(1.0, 1_000_000)
    assert delta is not None
    reader.read(delta.data)
    assert reader.total("work_total", kind="a") == 8
    assert reader.total("work_total", kind="b") == 3
    assert reader.total("wait_seconds") == ((1, 3), 6.5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"publish_rollup": True}, "give its path"),
        ({"rollup_interval": 0.01}, "out of bounds"),
        ({"path": ("fog",), "branches": (("fog",),)}, "branch fog does not lie under fog"),
        ({"path": ("fog", "0"), "branches": (("fog", "*"),)}, r"branch fog/\* does not lie under fog/0"),
        ({"branches": (("fog", "*"), ("fog", "0", "1"))}, r"branches fog/\* and fog/0/1 overlap"),
        ({"branches": (("fog", "0"), ("fog", "0"))}, "branches fog/0 and fog/0 overlap"),
    ],
)
def test_tiers_that_cannot_be(options: dict[str, object], said: str) -> None:
    """One clear line for each."""
    with pytest.raises(ValueError, match=said):
        AggregatorConfig(**options)  # type: ignore[arg-type]


def test_branches_are_paths_with_stars() -> None:
    """A star stands for one token, and for nothing less."""
    assert parse_branch("fog/*/3") == ("fog", "*", "3")
    for wrong in ("", "fog//3", "fog/a*", "fog/**", "fog/>"):
        with pytest.raises(ValueError, match="is not allowed"):
            parse_branch(wrong)
