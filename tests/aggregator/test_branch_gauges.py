"""Merge the gauges of branches (SPEC.md, section 13)."""

from __future__ import annotations

import pytest

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.families.known import Family, FamilyKey
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.kinds.gauge_summary import GAUGE_SUMMARY, SummaryTable
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.totals import Total, Totals
from fog_schema.frames import DELTA
from tests.aggregator.branch_root import BRANCH, Root, counted
from tests.aggregator.fleet import START, Fleet
from tests.aggregator.rollups import Reporter


def test_replicas_that_say_which_values_there_are_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gauge's values are 4 kB, and a path may have a thousand replicas: what is over the bound is refused alone."""
    monkeypatch.setattr("fog_aggregator.core.kinds.gauge_summary.MOST_VALUE_COUNTED", 3)
    root, level = Root(), GaugeSummary(2, 2.0, 1.0, 1.0, None, ((1.0, 2),))
    refused = [
        root.state.apply(BRANCH, Reporter(run).keyframe(counted(level=level)), root.now, rollup=True).refused_values
        for run in range(1, 7)
    ]
    assert refused == [0, 0, 0, 1, 1, 1]
    assert root.state.apply(BRANCH, Reporter(7).keyframe(counted(5)), root.now, rollup=True).refused_values == 0
    assert root.value("work_total") == 5


def test_merged_gauges_on_a_nodes_own_subject_mean_nothing() -> None:
    """They are counted as values of ids that are not known, and change nothing."""
    fleet = Fleet()
    frame = Reporter(1).keyframe(counted(5, level=GaugeSummary(2, 5.0, 1.0, 4.0)))
    assert fleet.state.apply(("fog", "0"), frame, START).unknown == 1
    assert 5.0 not in fleet.samples("level").values()
    assert fleet.samples("work_total") == {(): 5}


@pytest.mark.parametrize(
    "row",
    [
        (0, 5.0, 1.0, 4.0),
        (2**63 - 1, 5.0, 1.0, 4.0),
        (2, float("nan"), 1.0, 4.0),
        (2, 5.0, float("-inf"), 4.0),
        (2, 5.0, 4.0, 1.0),
    ],
)
def test_a_summary_that_cannot_be_is_refused_alone(row: tuple[int, float, float, float]) -> None:
    """No node, more than there are, a sum that is no number, a least above the greatest."""
    root = Root()
    outcome = root.state.apply(BRANCH, Reporter(1).keyframe(counted(5, level=GaugeSummary(*row))), START, rollup=True)
    assert outcome.refused_values == 1
    assert root.samples("level") == {}
    assert root.value("work_total") == 5


def test_the_values_of_a_gauge_that_is_gone_are_no_other_gauges() -> None:
    """Removed by a delta, or absent from a whole keyframe: how many nodes had which value of it goes with it."""
    families = [Family(FamilyKey(name, 1, ""), "", ("count_values",)) for name in ("first", "middle", "third")]
    entries = [SeriesEntry(number, ()) for number in range(3)]

    def gauges(*numbers: int) -> Totals:
        levels: dict[int, Total] = {
            number: GaugeSummary(1, number, number, number, None, ((number, 1),)) for number in numbers
        }
        return Totals(levels, entries, families, Coverage((1, 0, 0, 0, 0, 0, 0), 0.0))

    root, one = Root(), Reporter(1)
    root.hear(one.keyframe(gauges(0, 1, 2)))
    for frame in (one.delta(gauges(0, 2)), one.keyframe(gauges(2))):
        root.hear(frame)
        shown = {name: [dict(labels)["value"] for labels in root.samples(name)] for name in ("first", "third")}
        assert shown == {"first": ["0"] if frame.kind == DELTA else [], "third": ["2"]}
    table = root.state.parts.slots.tables[GAUGE_SUMMARY]
    assert isinstance(table, SummaryTable)
    assert table.ids[list(table.value_counts)].tolist() == [2]


def test_a_summary_that_is_refused_is_not_merged_with_others() -> None:
    """Two nodes of a branch have a value whose sum is no double: the least of all nodes is not zero for that."""
    families = [Family(FamilyKey("level", 1, ""), "", ("min", "max"))]
    root = Root()
    for branch, level in enumerate((GaugeSummary(2, float("inf"), 1e308, 1e308), GaugeSummary(1, 5.0, 5.0, 5.0))):
        totals = Totals({0: level}, [SeriesEntry(0, ())], families, Coverage((1, 0, 0, 0, 0, 0, 0), 0.0))
        root.hear(Reporter(branch + 1).keyframe(totals), ("fog", str(branch)))
    assert root.samples("level") == {(): 5.0, (("stat", "max"),): 5.0}


def test_values_that_no_branch_tells_are_none() -> None:
    """The family came first from elsewhere, with other choices than the branch knows: the rest goes up all the same."""
    root, families = Root(), [Family(FamilyKey("level", 1, ""), "", ("count_values", "sum"))]
    level = GaugeSummary(1, 5.0, 5.0, 5.0)
    totals = Totals({0: level}, [SeriesEntry(0, ())], families, Coverage((1, 0, 0, 0, 0, 0, 0), 0))
    root.hear(Reporter(1).keyframe(totals))
    assert root.samples("level") == {(("stat", "sum"),): 5.0}
    assert list(root.network.totals().values.values()) == [level]


def test_impossibly_many_nodes_do_not_stop_the_rollups_of_others() -> None:
    """Two branches each say that 2^63 - 1 nodes have a value: the sum was negative, and no reader took the frame."""
    root, families = Root(), [Family(FamilyKey("level", 1, ""), "", ("count_values",))]
    level = GaugeSummary(1, 5.0, 5.0, 5.0, None, ((5.0, 2**63 - 1),))
    totals = Totals({0: level}, [SeriesEntry(0, ())], families, Coverage((1, 0, 0, 0, 0, 0, 0), 0))
    for branch in range(2):
        root.hear(Reporter(1).keyframe(totals), ("fog", str(branch)))
    (shown,) = root.network.totals().values.values()
    assert isinstance(shown, GaugeSummary)
    assert shown.count == 2
    assert 1 <= shown.values[0][1] < 2**63


def test_a_newest_value_that_no_branch_tells_is_none() -> None:
    """The family came first from elsewhere, with other choices than the branch knows: minus infinity was not set."""
    root, families = Root(), [Family(FamilyKey("level", 1, ""), "", ("last", "sum"))]
    totals = Totals(
        {0: GaugeSummary(1, 5.0, 5.0, 5.0)}, [SeriesEntry(0, ())], families, Coverage((1, 0, 0, 0, 0, 0, 0), 0)
    )
    root.hear(Reporter(1).keyframe(totals))
    assert root.samples("level") == {(("stat", "sum"),): 5.0}
    assert list(root.network.totals().values.values()) == [GaugeSummary(1, 5.0, 5.0, 5.0)]


@pytest.mark.parametrize("last", [(9.0, float("nan")), (float("nan"), START), (9.0, START + DAY)])
def test_a_branch_cannot_hide_the_newest_value_of_another(last: tuple[float, float]) -> None:
    """A newest value that is no number, at no time or at one to come: that of the other, heard later, is shown."""
    root = Root()
    root.hear(Reporter(1).keyframe(counted(level=GaugeSummary(1, 9.0, 9.0, 9.0, last))))
    root.now += 1
    root.hear(Reporter(2).keyframe(counted(level=GaugeSummary(1, 3.0, 3.0, 3.0, (3.0, START + 0.5)))), ("fog", "1"))
    assert root.samples("level")[("stat", "last"),] == 3.0
