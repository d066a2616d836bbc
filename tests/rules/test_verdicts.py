"""Verdicts: only what was observed to be false is false, and what missing data can make true waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.promql import EvaluationError, parse
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.rules.verdicts.coverage import (
    Behind,
    Fate,
    FullCoverage,
    ending,
    silence_behind,
    stand_behind,
)
from fog_aggregator.rules.verdicts.judge import Judge, scopes_of
from fog_aggregator.rules.verdicts.reads import Scope, is_about_itself, reach, reads
from fog_aggregator.rules.verdicts.skeleton import Combined, claims, skeleton
from fog_aggregator.rules.verdicts.truth import Truth, both, either
from tests.rules.fake_fleet import FakeFleet

TRUTHS: Final = st.sampled_from(Truth)
A: Final = make_labels({"fog_path": "fog/0"})
B: Final = make_labels({"fog_path": "fog/1"})
VECTOR: Final = "{fog_level='1'}"


def verdict(
    text: str, fleet: FakeFleet, results: Mapping[str, Sequence[Labels]], labels: Labels, behind: Behind
) -> Truth:
    """Judge a label set that is missing from the whole, when the parts have these results."""
    trees = {parse(part): found for part, found in results.items()}

    def labels_of(expression: Expression) -> Sequence[Labels]:
        return trees[expression]

    return Judge(skeleton(parse(text)), fleet, labels_of).missing(labels, behind)[0]


def new_verdict(text: str, fleet: FakeFleet, labels: Labels = ()) -> Truth:
    """Judge a label set that is in the result, and was not before; every part of the expression has it."""
    return Judge(skeleton(parse(text)), fleet, lambda _: [labels]).present(labels, None)[0]


@given(TRUTHS, TRUTHS, TRUTHS)
def test_connectives_are_kleenes(one: Truth, other: Truth, third: Truth) -> None:
    """They agree with two values, obey De Morgan, and knowing more never changes what was decided."""
    assert ~both(one, other) == either(~one, ~other)
    assert both(one, either(one, other)) == one
    assert both(one, both(other, third)) == both(both(one, other), third)
    if both(one, Truth.UNKNOWN) is not Truth.UNKNOWN:
        assert both(one, other) == both(one, Truth.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [
        ("x > 5", False),
        ("x < 5", True),
        ("5 > x", True),
        ("5 < x", False),
        ("x == 0", True),
        ("x != 0", False),
        ("x != 3", True),
        ("0 != x", False),
        ("sum(rate(x[5m])) / sum(rate(y[5m])) > 0.01", False),
        ("x > y * 2", False),
        ("x < y", True),
        ("absent(x)", True),
        ("absent_over_time(x[5m])", True),
        ("vector(1)", False),
        ("count(x < 5) > 3", False),
        ("(x < 5) * 2", True),
        ("(x < bool 5) > 0", False),
        ("time() - timestamp(x) > 60", False),
    ],
)
def test_missing_data_can_make_true_what_says_little(text: str, *, doubtful: bool) -> None:
    """Of each kind of claim."""
    assert [claim.doubtful for claim in claims(skeleton(parse(text)))] == [doubtful]


def test_the_skeleton_is_cut_at_set_operators() -> None:
    """Parentheses group, and what stands within an aggregation is one claim."""
    part = skeleton(parse("(a > 1 and b < 2) or sum(c > 1 and d > 1) > 0 unless absent(e)"))
    assert isinstance(part, Combined)
    assert part.operator == "or"
    assert [claim.doubtful for claim in claims(part)] == [False, True, False, True]


def test_a_silent_node_makes_unknown_what_was_true() -> None:
    """The oldest lie: the data went away, so the alert resolved."""
    fleet = FakeFleet.of("fog/0/1", "fog/0/2")
    part = skeleton(parse(f"sum by (fog_path) (x{VECTOR}) > 5"))
    behind = stand_behind(scopes_of(part, A), fleet)
    assert behind == Behind(2, (("fog", "0", "1"), ("fog", "0", "2")))
    judge = Judge(part, fleet, lambda _: [])
    assert judge.missing(A, behind)[0] is Truth.FALSE
    fleet.set(Fate.SILENT, "fog/0/2")
    truth, silence = judge.missing(A, behind)
    assert truth is Truth.UNKNOWN
    assert str(silence) == "1 of 2 nodes silent"


def test_only_nodes_that_stood_behind_it_count() -> None:
    """A neighbour that is silent, and a node that came later, have nothing to do with it."""
    fleet = FakeFleet.of("fog/0/1", "fog/1/1")
    part = skeleton(parse(f"x{VECTOR} > 5"))
    behind = stand_behind(scopes_of(part, A), fleet)
    fleet.set(Fate.SILENT, "fog/1/1", "fog/0/9")
    assert Judge(part, fleet, lambda _: []).missing(A, behind)[0] is Truth.FALSE


def test_of_many_nodes_the_number_is_remembered() -> None:
    """Nodes that were silent before did not stand behind it."""
    fleet = FakeFleet.of(*(f"fog/0/{number}" for number in range(100)))
    fleet.set(Fate.SILENT, "fog/0/1", "fog/0/2")
    scopes = (Scope(),)
    behind = stand_behind(scopes, fleet)
    assert behind == Behind(98, None, 2)
    assert not silence_behind(behind, scopes, fleet)
    fleet.set(Fate.SILENT, "fog/0/3")
    assert str(silence_behind(behind, scopes, fleet)) == "1 of 98 nodes silent"


@pytest.mark.parametrize("text", ["a{fog_level='1'} > 1 and b > 1", "a{fog_level='1'} > 1 and on () b > 1"])
def test_a_side_of_and_that_was_seen_to_be_false_decides(text: str) -> None:
    """Whatever the other side's nodes are."""
    fleet = FakeFleet.of("fog/0/1", "fog/1/1")
    behind = stand_behind((Scope(),), fleet)
    fleet.set(Fate.SILENT, "fog/1/1")
    left = "a{fog_level='1'} > 1"
    assert verdict(text, fleet, {left: [], "b > 1": [()]}, A, behind) is Truth.FALSE
    fleet.set(Fate.SILENT, "fog/0/1")
    assert verdict(text, fleet, {left: [], "b > 1": [()]}, A, behind) is Truth.UNKNOWN


def test_one_side_of_or_is_enough() -> None:
    """A side that is unknown leaves the whole unknown, a side that is true makes it true."""
    fleet = FakeFleet.of("fog/0/1", "fog/1/1")
    behind = stand_behind((Scope(),), fleet)
    fleet.set(Fate.SILENT, "fog/0/1")
    text = "a{fog_path='fog/0'} > 1 or b{fog_path='fog/1'} > 1"
    parts: dict[str, list[Labels]] = {"a{fog_path='fog/0'} > 1": [], "b{fog_path='fog/1'} > 1": []}
    assert verdict(text, fleet, parts, (), behind) is Truth.UNKNOWN
    assert verdict(text, fleet, parts | {"b{fog_path='fog/1'} > 1": [()]}, (), behind) is Truth.TRUE
    fleet.set(Fate.LIVE, "fog/0/1")
    assert verdict(text, fleet, parts, (), behind) is Truth.FALSE


def test_unless_is_false_only_by_what_was_seen() -> None:
    """The right side's presence is a fact; its absence is none while its nodes are silent."""
    fleet = FakeFleet.of("fog/0/1", "fog/1/1")
    text = "a{fog_path='fog/0'} > 1 unless on () b{fog_path='fog/1'} > 1"
    assert new_verdict("a > 1 unless b > 1", FakeFleet()) is Truth.TRUE
    behind = stand_behind((Scope(),), fleet)
    fleet.set(Fate.SILENT, "fog/1/1")
    parts: dict[str, list[Labels]] = {"a{fog_path='fog/0'} > 1": [A], "b{fog_path='fog/1'} > 1": [()]}
    assert verdict(text, fleet, parts, A, behind) is Truth.FALSE
    assert verdict(text, fleet, parts | {"b{fog_path='fog/1'} > 1": []}, A, behind) is Truth.UNKNOWN


def test_absence_ends_when_the_thing_is_seen() -> None:
    """No silent node can take that away."""
    fleet = FakeFleet.of("fog/0/1", "fog/0/2")
    behind = stand_behind((Scope(),), fleet)
    fleet.set(Fate.SILENT, "fog/0/2")
    assert verdict("absent(x)", fleet, {"absent(x)": []}, (), behind) is Truth.FALSE


@pytest.mark.parametrize("text", ["count(x) < 5", "absent(x)", "sum(rate(x[5m])) == 0", "y > 1 unless on () x"])
def test_a_new_truth_that_silence_could_have_made_is_unknown(text: str) -> None:
    """With all nodes there it is true."""
    fleet = FakeFleet.of("fog/0/1", "fog/0/2")
    assert new_verdict(text, fleet) is Truth.TRUE
    fleet.set(Fate.SILENT, "fog/0/2")
    judge = Judge(skeleton(parse(text)), fleet, lambda part: [] if part == parse("x") else [()])
    assert judge.present((), None)[0] is Truth.UNKNOWN


def test_a_new_truth_that_silence_cannot_have_made_is_true() -> None:
    """More errors than the limit are too many, whoever else is silent."""
    fleet = FakeFleet.of("fog/0/1", "fog/0/2")
    fleet.set(Fate.SILENT, "fog/0/2")
    assert new_verdict("sum(rate(errors[5m])) > 5", fleet) is Truth.TRUE


def test_what_cannot_be_evaluated_is_unknown() -> None:
    """A part that fails alone is no observation."""
    fleet = FakeFleet.of("fog/0/1")
    part = skeleton(parse("x > 5"))
    behind = stand_behind((Scope(),), fleet)
    fleet.set(Fate.SILENT, "fog/0/1")

    def fails(_: Expression) -> Sequence[Labels]:
        raise EvaluationError("no")

    assert Judge(part, fleet, fails).missing((), behind)[0] is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("text", "labels", "scope"),
    [
        ("x > 1", (), Scope(names=frozenset({"x"}))),
        ("x{fog_path='fog/0'} > 1", (), Scope(("fog", "0"), names=frozenset({"x"}))),
        ("x{fog_level='1'} > 1", A, Scope(("fog", "0"), names=frozenset({"x"}))),
        ("x > 1", A, Scope(names=frozenset({"x"}))),
        ("x{fog_path='fog/1'} > 1", A, Scope(("fog", "1"), names=frozenset({"x"}))),
        ("x{fog_node='fog/0/3'} > 1", (), Scope(("fog", "0", "3"), own=True, names=frozenset({"x"}))),
        ("x + y > 1", (), Scope(names=frozenset({"x", "y"}))),
        ("{__name__=~'x|y'} > 1", (), Scope()),
        ("x + on () {__name__=~'x|y'} > 1", (), Scope()),
        ("fog_aggregator_silent > 0", B, Scope(("fog", "1"), of_silence=True)),
    ],
)
def test_scopes_follow_selectors_and_labels(text: str, labels: Labels, scope: Scope) -> None:
    """A series of the result names its group or node; else the selector does."""
    assert scopes_of(skeleton(parse(text)), labels) == (scope,)


def test_the_aggregators_own_metrics_stand_on_no_node() -> None:
    """They are there while it runs; alerts on them end as Prometheus' do."""
    fleet = FakeFleet.of("fog/0/1", fate=Fate.SILENT)
    text = "fog_aggregator_ready == 0"
    assert is_about_itself(parse(text))
    assert new_verdict(text, fleet) is Truth.TRUE
    assert verdict(text, fleet, {}, (), stand_behind((), fleet)) is Truth.FALSE
    assert not is_about_itself(parse("fog_aggregator_ready == 0 and on () x > 1"))
    assert not is_about_itself(parse("vector(1)"))


def test_the_silent_stand_behind_an_alert_on_silence() -> None:
    """It stays until its own nodes return, also when the cover has grown and its series is another."""
    fleet = FakeFleet.of("fog/1/1", "fog/1/2", "fog/1/3")
    fleet.set(Fate.SILENT, "fog/1/1", "fog/1/2")
    part = skeleton(parse("fog_aggregator_silent > 0"))
    judge = Judge(part, fleet, lambda _: [])
    assert judge.present(B, None)[0] is Truth.TRUE
    behind = stand_behind(scopes_of(part, B), fleet)
    assert behind.nodes == (("fog", "1", "1"), ("fog", "1", "2"))
    assert judge.missing(B, behind)[0] is Truth.UNKNOWN
    fleet.set(Fate.LIVE, "fog/1/1", "fog/1/2")
    fleet.set(Fate.SILENT, "fog/1/3")
    assert judge.missing(B, behind)[0] is Truth.FALSE


def test_recorded_series_stand_on_what_their_rules_read() -> None:
    """However many of them stand on each other; a circle ends."""
    recorded = {"a:b": parse("sum(x)"), "c:d": parse("a:b * y"), "loop": parse("loop + 1")}
    found = reads(parse("c:d > 1"), recorded)
    assert {read.name for read in found} == {"x", "y"}
    assert [read.name for read in reads(parse("loop"), recorded)] == ["loop"]


@pytest.mark.parametrize(
    ("fates", "came_to"),
    [
        ([Fate.ENDED, Fate.ENDED], Fate.ENDED),
        ([Fate.ENDED, Fate.GONE], Fate.GONE),
        ([Fate.ENDED, Fate.SILENT], None),
        ([Fate.ENDED, Fate.LIVE], None),
    ],
)
def test_the_end_of_all_its_nodes_ends_an_alert(fates: Sequence[Fate], came_to: Fate | None) -> None:
    """Not before the last one has ended."""
    fleet = FakeFleet.of("fog/0/1", "fog/0/2")
    behind = stand_behind((Scope(),), fleet)
    fleet.set(fates[0], "fog/0/1")
    fleet.set(fates[1], "fog/0/2")
    assert ending(behind, (Scope(),), fleet) is came_to


def test_full_coverage_leaves_verdicts_alone() -> None:
    """As `promtool` has it."""
    part = skeleton(parse("x < 5"))
    judge = Judge(part, FullCoverage(), lambda _: [])
    assert judge.present((), None)[0] is Truth.TRUE
    behind = stand_behind(scopes_of(part, ()), FullCoverage())
    assert judge.missing((), behind)[0] is Truth.FALSE
    assert ending(behind, (Scope(),), FullCoverage()) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("x", 0), ("rate(x[5m])", 300), ("max_over_time(rate(x[5m])[1h:1m])", 3900), ("x offset 10m + rate(x[1m])", 600)],
)
def test_reach_adds_up_ranges_and_offsets(text: str, seconds: int) -> None:
    """The longest way down counts."""
    assert reach(parse(text)) == seconds * 1000
