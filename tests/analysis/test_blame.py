"""The way down: over a storage that has levels, and over one that has places one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fog_aggregator.analysis.blame import Blame, Question, blame
from fog_aggregator.history.routing import NodeOwn, Subtree, Whole, route
from fog_aggregator.promql import BadQueryError, Options, Selection, Storage, parse, read_openmetrics
from fog_aggregator.promql.labels import Labels, Matcher
from fog_schema.paths import Path, format_path, parse_path

FLEET: dict[Path, tuple[int, int]] = {
    ("fog", str(branch), str(leaf)): (100 * (branch + 1) + leaf, 100 * (branch + 1) + 3 * leaf)
    for branch in range(3)
    for leaf in range(4)
}
"""The errors of leaves at both moments."""
FLEET["fog", "0"] = (7, 8)
FLEET["fog", "2", "3"] = (303, 803)
START, END = 600_000, 1_200_000


class Tree:
    """The places of the fleet, with history of some levels."""

    def __init__(self, levels: Sequence[int], *, totals: bool = True) -> None:
        self._levels = levels
        self._totals = totals

    def children(self, place: Path) -> Sequence[Path]:
        """Return the next places."""
        cut = len(place) + 1
        return sorted({path[:cut] for path in FLEET if path[: len(place)] == place})

    def has_level(self, level: int, since: int) -> bool:
        """Tell whether there is history."""
        assert since == START
        return level in self._levels

    def has_total(self, place: Path, since: int) -> bool:
        """Tell whether there is history of totals: of every one, or of none."""
        del place, since
        return self._totals


def values(place: Path, *, own: bool = False) -> tuple[int, int]:
    """Return the sums at and under a place."""
    found = [pair for path, pair in FLEET.items() if path == place or (not own and path[: len(place)] == place)]
    return sum(before for before, _ in found), sum(after for _, after in found)


def samples() -> Storage:
    """Provide every view of the fleet, with the labels that name it."""
    views: dict[str, tuple[int, int]] = {"": values(())}
    places = sorted({path[:end] for path in FLEET for end in range(1, 4)})
    for place in places:
        views[f'fog_path="{format_path(place)}"'] = values(place)
    for path in FLEET:
        views[f'fog_node="{format_path(path)}"'] = values(path, own=True)
    for level in range(3):
        for group in {path[: level + 1] for path in FLEET}:
            pair = values(group, own=len(group) <= level)
            views[f'fog_level="{level}",fog_path="{format_path(group)}"'] = pair
    text = "".join(
        f'errors_total{{{labels}{"," if labels else ""}code="{code}"}} {value * share} {time // 1000}\n'
        for labels, pair in views.items()
        for time, value in zip((START, END), pair, strict=True)
        for code, share in (("500", 0.75), ("502", 0.25))
    )
    return Exact(read_openmetrics(text))


class Exact:
    """A storage that answers for the view that a selector names, as the fleet's does."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.views: list[object] = []

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series of the view."""
        view = route(matchers).view
        self.views.append(view)
        found = self._storage.select(matchers, start, end)
        wanted = (
            {name for name, _ in view.labels}
            if isinstance(view, Whole | Subtree | NodeOwn)
            else {"fog_level", "fog_path"}
        )

        def is_of_view(labels: Labels) -> bool:
            return {name for name, _ in labels if name.startswith("fog_")} == wanted

        parts = []
        for part in found.parts:
            rows = [row for row, labels in enumerate(part.labels) if is_of_view(labels)]
            if rows:
                parts.append(type(part)([part.labels[row] for row in rows], part.times, part.values[rows]))
        return Selection(parts)


def ask(expression: str, levels: Sequence[int] = (0, 1, 2), path: str = "", storage: Storage | None = None) -> Blame:
    """Ask which part of the fleet explains a change."""
    where = parse_path(path) if path else ()
    question = Question(parse(expression), where, START, END)
    return blame(question, storage or samples(), Tree(levels), Options())


@pytest.mark.parametrize("levels", [(0, 1, 2), (0, 1), (), (0, 2)])
@pytest.mark.parametrize("expression", ["errors_total", "sum(errors_total)", "sum by (code) (errors_total) * 2"])
def test_the_deepest_place_is_found(expression: str, levels: Sequence[int]) -> None:
    """The leaf whose errors rose, by exact sums, whatever levels there is history of."""
    found = ask(expression, levels)
    total = values(())[1] - values(())[0]
    assert found.path == ("fog", "2", "3")
    assert found.share == pytest.approx(500 / total)
    assert found.reason == "nothing lies below it"
    assert [step.path for step in found.steps] == [(), ("fog",), ("fog", "2")]
    assert [step.rest for step in found.steps] == [0, 0, 0]
    changes = [after - before for before, after in (values(step.path) for step in found.steps)]
    assert [step.share for step in found.steps] == pytest.approx([change / total for change in changes])
    for step in found.steps:
        factor = 2 if "*" in expression else 1
        assert (step.part.before, step.part.after) == tuple(factor * value for value in values(step.path))
        assert sum(child.part.change for child in step.children) == step.part.change
    worst = found.steps[-1].children[0]
    assert (worst.path, worst.suspect) == (("fog", "2", "3"), True)
    assert worst.share.distance is not None
    assert worst.share.distance > 100


def test_a_change_from_before_all_history_is_told() -> None:
    """Where nothing is known of the earlier moment, all that there is counts as the change, and a warning says so."""
    late = read_openmetrics('errors_total{fog_path="fog"} 5 1200\n')
    question = Question(parse("errors_total"), (), START, END)
    found = blame(question, Exact(late), Tree((), totals=False), Options())
    assert (found.steps[0].part.before, found.steps[0].part.after) == (0, 5)
    assert "no history of the total reaches back to 600.000: what is not known of then counts as 0" in found.warnings


def test_no_single_child() -> None:
    """The way down ends where the change is spread; an inner node's own values are a child of their own."""
    found = ask("errors_total", path="fog/0")
    assert (found.path, found.reason) == (("fog", "0"), "none of its children has 67% of the change")
    assert {child.path: child.part.change for child in found.steps[0].children} == {
        ("fog", "0"): 1,
        ("fog", "0", "0"): 0,
        ("fog", "0", "1"): 2,
        ("fog", "0", "2"): 4,
        ("fog", "0", "3"): 6,
    }
    own = next(child for child in found.steps[0].children if child.path == ("fog", "0"))
    assert own.share.distance is None, "it is no sibling of its children"


def test_levels_are_asked_at_once() -> None:
    """One look at each level that there is history of, and one at each child elsewhere."""
    storage = samples()
    assert isinstance(storage, Exact)
    ask("errors_total", (0, 1), storage=storage)
    assert [type(view).__name__ for view in storage.views] == ["Whole", "Level", "Level", *["NodeOwn"] * 4]


def test_too_many_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that would be read one by one are left alone, and the answer says why."""
    monkeypatch.setattr("fog_aggregator.analysis.blame.MOST_ALONE", 3)
    found = ask("errors_total", (0, 1))
    assert found.path == ("fog", "2")
    assert found.reason == "it has 4 children, and there is no history of level 2: no more than 3 are read one by one"


def test_what_does_not_add_up_is_said() -> None:
    """The squares of children are not the square of their sum: the rest is told."""
    found = ask("sum(errors_total) ^ 2", path="fog/2")
    assert found.steps[0].rest != 0


def test_infinite_values_count_as_nothing_and_that_is_said() -> None:
    """Of a change that is infinite nothing is a part."""
    found = ask("errors_total / 0")
    assert (found.reason, found.warnings) == (
        "nothing has changed",
        ("values that are infinite, or no numbers, count as 0",),
    )
    assert ask("errors_total").warnings == ()


def test_nothing_has_changed() -> None:
    """Without a change there is no share of it."""
    found = ask("errors_total * 0")
    assert (found.path, found.share, found.reason) == ((), None, "nothing has changed")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ('errors_total{fog_path="fog/0"}', "leave the place out of the expression"),
        ("vector(1)", "selects no metric"),
        ("errors_total[5m]", "must be an instant vector"),
        ('label_replace(errors_total, "fog_path", "", "", "")', "does not tell the children of a place apart"),
    ],
)
def test_expressions_that_cannot_be_taken_apart(expression: str, text: str) -> None:
    """Each says what is wrong."""
    with pytest.raises(BadQueryError, match=text):
        ask(expression)
