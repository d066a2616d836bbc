"""A selector finds the source of its view, series of rules by their names, and is warned of silent nodes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fog_aggregator.history.routing import Level, Subtree, View, Whole
from fog_aggregator.promql import EvaluationError, MemoryStorage, Result, instant_query
from fog_aggregator.promql.labels import NAME, Matcher, label
from fog_aggregator.promql.query import VectorResult
from fog_aggregator.promql.storage import Selection
from fog_aggregator.sources.fleet_storage import FleetStorage
from tests.aggregator.api.asking import KeptView
from tests.promql.asking import load

WHOLE = load("x 1 1", 'fog_aggregator_nodes{state="live"} 7 7', 'fog_aggregator_nodes{state="stale"} 1 2')
LEVEL = load(
    'x{fog_level="1",fog_path="fog/0"} 10 10',
    'x{fog_level="1",fog_path="fog/1"} 11 11',
    *(
        f'fog_aggregator_nodes{{fog_level="1",fog_path="fog/{group}",state="{state}"}} {before} {now}'
        for group, state, before, now in (
            ("0", "live", 4, 3),
            ("0", "stale", 1, 2),
            ("0", "departed", 9, 9),
            ("1", "live", 4, 4),
            ("1", "stale", 0, 0),
        )
    ),
)


class Rules(MemoryStorage):
    """Series of rules."""

    def names(self) -> frozenset[str]:
        """Return their names."""
        return frozenset(label(labels, "__name__") for labels in self.series((), -(2**50), 2**50))


MADE = load('ALERTS{alertname="A",fog_path="fog/0"} 1 1', 'of:x{fog_path="fog/1"} 3 3')
RULES = Rules(
    {
        labels: (part.times, part.values[row])
        for part in MADE.select((), 0, 10_000).parts
        for row, labels in enumerate(part.labels)
    }
)
STORAGE = FleetStorage([KeptView(Whole(), WHOLE), KeptView(Level(1), LEVEL)], RULES)


def ask(expression: str, storage: FleetStorage = STORAGE) -> tuple[list[float], tuple[str, ...]]:
    """Evaluate at the second sample; the values in order, and the warnings."""
    result: Result = instant_query(expression, storage, 10_000)
    assert isinstance(result.data, VectorResult)
    return sorted(result.data.values.tolist()), result.warnings


def test_each_view_has_its_source() -> None:
    """By the fog's labels; by pattern too, of a level's paths."""
    assert ask("x")[0] == [1]
    assert ask('x{fog_level="1"}')[0] == [10, 11]
    assert ask('x{fog_level="1", fog_path=~".*1"}')[0] == [11]
    assert ask('sum(x{fog_level="1"}) - sum(x)')[0] == [20]


def test_a_view_that_nobody_keeps_is_an_error() -> None:
    """Which says what is missing."""
    for expression, what in (
        ('x{fog_level="3"}', "level 3"),
        ('x{fog_path="fog/0"}', "the subtree of fog/0"),
        ('x{fog_node="fog/0"}', "the node fog/0"),
    ):
        with pytest.raises(EvaluationError, match=f"no samples of {what} are kept"):
            ask(expression)


def test_series_of_rules_are_found_by_their_names() -> None:
    """Whatever labels they are compared by: these name no view there. Without a name both are found."""
    assert ask('ALERTS{fog_path="fog/0"}') == ([1], ())
    assert ask('ALERTS{fog_path=~"fog/.*"}') == ([1], ())
    assert ask('of:x{fog_path="fog/0"}') == ([], ())
    assert ask('{__name__=~"of:x|x"}')[0] == [1, 3]
    assert sorted(STORAGE.series((), 0, 10_000)) == sorted([*WHOLE.series((), 0, 10_000), *MADE.series((), 0, 10_000)])


def test_silent_nodes_are_told() -> None:
    """Of the groups that the numbers are of, at their last moment; nodes that have departed are known to be gone."""
    assert ask("x")[1] == ("2 of 9 nodes were silent",)
    assert ask('x{fog_level="1"}')[1] == ("2 of 5 nodes under fog/0 were silent",)
    assert ask('x{fog_level="1", fog_path="fog/1"}')[1] == ()
    assert ask("none")[1] == ()
    assert ask("x offset 10s")[1] == ("1 of 8 nodes were silent",)


def test_rules_ask_for_no_warnings() -> None:
    """They look at silence apart: the coverage is not read for each of their selectors."""
    asked: list[str] = []

    class Kept(KeptView):
        def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
            asked.extend(one.value for one in matchers if one.name == NAME)
            return super().select(view, matchers, start, end)

    storage = FleetStorage([Kept(Whole(), WHOLE)], RULES, warns=False).until(lambda: False, lambda _: None)
    assert ask("x", storage) == (ask("x")[0], ())
    assert asked == ["x"]


def test_many_silent_groups_are_counted() -> None:
    """The first ones are named."""
    groups = [
        f'fog_aggregator_nodes{{fog_level="1",fog_path="fog/{n}",state="stale"}} {n % 2} {n % 2}' for n in range(10)
    ]
    level = load('x{fog_level="1",fog_path="fog/0"} 1 1', *groups)
    warnings = ask('x{fog_level="1"}', FleetStorage([KeptView(Whole(), WHOLE), KeptView(Level(1), level)]))[1]
    assert warnings == (
        "1 of 1 nodes under fog/1 were silent",
        "1 of 1 nodes under fog/3 were silent",
        "1 of 1 nodes under fog/5 were silent",
        "nodes under 2 more paths were silent",
    )


def test_a_subtree_is_warned_of_as_well() -> None:
    """By the coverage that stands beside its own numbers."""
    subtree = load('x{fog_path="fog/0"} 1 1', 'fog_aggregator_nodes{fog_path="fog/0",state="missing"} 1 1')
    storage = FleetStorage([KeptView(Subtree(("fog", "0")), subtree)])
    assert ask('x{fog_path="fog/0"}', storage)[1] == ("1 of 1 nodes under fog/0 were silent",)
