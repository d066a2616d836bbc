"""Keys, as on the page: what each does to the screen, and what it asks for outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fog_cli.api import Api
from fog_cli.top.asking import questions
from fog_cli.top.screen.compose import current
from fog_cli.top.screen.keys import LOAD, Effect, Effects, press
from fog_cli.top.screen.state import VIEWS, Series, State
from fog_cli.words.numbers import clock
from fog_cli.words.queries import Metric
from tests.cli.top.made_up import NOW, place, rack
from tests.cli.top.test_screen import fleet, text


def pressed(state: State, *keys: str) -> Effects:
    """Press keys one after the other; what the last one asks for."""
    effects: Effects = []
    for key in keys:
        effects = press(state, key, current(state, NOW))
    return effects


class Answering(Api):
    """An aggregator that answers what is made up; all else is empty."""

    def __init__(self, answers: dict[str, Callable[[Any], Any]]) -> None:
        super().__init__("http://fog:10364")
        self._answers = answers

    def json(self, path: str, query: Any = None) -> Any:
        """Answer a question."""
        return self._answers[path](query)


def stale_node(path: str) -> dict[str, Any]:
    """Return a row of /api/nodes."""
    numbers = {"last_heard_age_seconds": 50.0, "interval_seconds": 10.0, "epochs": 1, "gaps": 0}
    return {"path": path, "state": "stale", **numbers, "ephemeral": False, "branch": False, "info": {}}


def test_descent_and_back() -> None:
    """Enter opens the chosen row, Backspace goes up; what was shown of the other place is gone."""
    state = rack()
    assert pressed(state, "j", "enter") == [LOAD]
    assert (state.where.path, state.answers.tree, state.chosen.row) == ("fog/ams/r04/n02", None, 0)
    assert pressed(state, "backspace") == [LOAD]
    assert state.where.path == "fog/ams/r04"
    assert pressed(state, "backspace", "backspace", "backspace") == [LOAD]
    assert state.where.path == ""
    state = rack()
    assert pressed(state, "down", "down", "up", "end", "pageup", "home", "k") == []
    assert state.chosen.row == 0
    assert pressed(state, "right") == [Effect("beside", "1")]


def test_problems_by_their_numbers() -> None:
    """A digit chooses one and shows it, once more lets it go; Enter opens its place, with its metric."""
    state = fleet()
    assert pressed(state, "9") == []
    assert state.chosen.problem == 0
    pressed(state, "2", "2", "2")
    assert pressed(state, "y")[0] == Effect("copy", 'rate(order_errors_total{fog_level="3"}[5m]) > 5')
    silence = "fog silence add alertname=OrderErrorsRise --path fog/ams/r04/n02 --duration 1h --comment '…'"
    assert pressed(state, "s") == [Effect("copy", silence)]
    assert pressed(state, "enter") == [LOAD]
    assert (state.where.path, state.where.metric) == ("fog/ams/r04/n02", "order_errors_total")


@pytest.mark.parametrize(("key", "view"), VIEWS.items())
def test_views(key: str, view: str) -> None:
    """After g; the place stays, but for the overview, which is the fleet's."""
    state = rack()
    assert pressed(state, "g", key) == [LOAD]
    assert (state.where.view, state.where.path) == (view, "" if view == "overview" else "fog/ams/r04")
    assert view == "overview" or f" {key} {view}" in text(state)


def test_typing_is_no_command() -> None:
    """A filter takes each key, filters as it grows, and Escape ends it."""
    state = rack()
    pressed(state, "f", *"n0q?", "backspace", "backspace", "enter")
    assert (state.chosen.filter, state.chosen.sheet) == ("n0", False)
    assert [item.path[-3:] for item in current(state, NOW).items][:2] == ["n05", "n02"]
    assert "n10" not in text(state)
    assert "filter: n0" in text(state)
    assert pressed(state, "escape") == [LOAD]
    assert "n10" in text(state)


def test_search() -> None:
    """Each letter asks; places, problems and metrics are found; Enter goes to the chosen one."""
    state = fleet()
    assert pressed(state, "/", *"or") == [Effect("search", "or")]
    state.answers.hits = ["fog/oregon", "fog/of/then"]
    assert [item.path or item.metric for item in current(state, NOW).items] == [
        "fog/oregon",
        "fog/ams/r04/n02",
        "order_errors_total",
        "orders_total",
    ]
    assert "problem  Order errors rise" in text(state)
    assert pressed(state, "down", "enter") == [LOAD]
    assert state.where.path == "fog/ams/r04/n02"


def test_another_metric() -> None:
    """Chosen by a part of its name."""
    state = rack()
    assert pressed(state, "m", *"orders", "enter") == [LOAD]
    metric = state.metric()
    assert metric is not None
    assert metric.name == "orders_total"


def test_sort_span_sheet_and_copies() -> None:
    """Each has an effect that can be seen."""
    state = rack()
    pressed(state, "o")
    assert "by value" in text(state)
    assert current(state, NOW).items[0].path.endswith("n02")
    pressed(state, "o")
    assert "by name" in text(state)
    assert pressed(state, "t") == [LOAD]
    assert "t 3h" in text(state)
    query = 'sum (rate(order_errors_total{fog_level="2",fog_path="fog/ams/r04"}[5m]))'
    assert pressed(state, "y") == [Effect("copy", query)]
    assert f"copied: {query}" in text(state)
    for least, window in ((1210, "1210s"), (1200, "20m")):  # nodes there send each 5 min
        state.answers.changes = {"least_window": least}
        assert pressed(state, "y") == [Effect("copy", query.replace("5m", window))]
    assert pressed(state, "c") == [Effect("copy", "http://fog:10364/#/fog/ams/r04?t=3h")]
    pressed(state, "?")
    assert "search places, nodes, problems, metrics" in text(state, 80, 24)
    pressed(state, "escape")
    assert "search places, nodes, problems, metrics" not in text(state)
    assert pressed(state, "q") == [Effect("quit")]
    assert pressed(state, "F1", "X") == []


def test_the_list_of_nodes() -> None:
    """It has nodes that are not live, or all; more are asked for near the end; the command that one needs is copied."""
    state = rack()
    pressed(state, "g", "n")
    assert "asking …" in text(state)
    node = {
        "path": "fog/ams/r04/n02/7",
        "state": "departed",
        "last_heard_age_seconds": 7200.0,
        "interval_seconds": 10.0,
        "epochs": 1,
        "gaps": 0,
        "ephemeral": False,
        "branch": False,
        "info": {},
    }
    state.answers.nodes = {"nodes": [node] * 30, "total": 5000, "next": "x"}
    assert "nodes not live: 30 of 5,000, worst first, then longest" in text(state)
    assert "▸ ✖ departed  fog/ams/r04/n02/7  2 h" in text(state, 80, 24)
    assert pressed(state, "c") == [Effect("copy", "fog forget fog/ams/r04/n02/7")]
    assert pressed(state, "down") == []
    assert pressed(state, "end") == [LOAD]
    assert pressed(state, "e") == [LOAD]
    assert state.chosen.every
    assert pressed(state, "enter") == [LOAD]
    assert (state.where.path, state.where.view) == ("fog/ams/r04/n02/7", "overview")


def test_each_of_a_hundred_thousand_nodes_is_reached() -> None:
    """The rows around the chosen one are asked for; one that is not there yet opens nothing."""
    state = rack()
    pressed(state, "g", "n")
    asked: list[dict[str, object]] = []

    def nodes(query: dict[str, object]) -> dict[str, object]:
        asked.append(query)
        first = int(str(query["offset"]))
        last = min(100_000, first + int(str(query["limit"])))
        made = [stale_node(f"fog/n{number:06}") for number in range(first, last)]
        return {"nodes": made, "total": 100_000, "offset": first, "next": "x"}

    def load() -> None:
        for question in questions(Answering({"/api/nodes": nodes}), state, NOW, again=True):
            if question.name == "nodes":
                question.take(state.answers, question.ask())

    load()
    assert "▸ ▚ stale" in text(state, 80, 24)
    assert pressed(state, "end") == [LOAD]
    assert "▸ … asking" in text(state, 80, 24)
    assert pressed(state, "enter") == []
    load()
    assert "fog/n099999" in text(state, 80, 24)
    assert "of 100,000" in text(state)
    assert pressed(state, *["up"] * 179) == []
    assert pressed(state, "up", "up") == [LOAD]
    load()
    assert pressed(state, "enter") == [LOAD]
    assert state.where.path == "fog/n099818"
    assert max(int(str(query["limit"])) for query in asked) == 200


def test_a_span_of_the_past_is_chosen() -> None:
    """By halves of the span; at the present it follows it again, and the link has it."""
    state = rack()
    assert pressed(state, "[") == [LOAD]
    assert state.where.times(NOW) == (NOW - 5400, NOW - 1800)
    assert f"× siblings  1h to {clock(NOW - 1800, 2)}" in text(state)  # noqa: RUF001 - a sign
    [link] = pressed(state, "c")
    assert link.text == f"http://fog:10364/#/fog/ams/r04?from={NOW - 5400:.0f}&to={NOW - 1800:.0f}"
    pressed(state, "[")
    assert " to " in text(state, 80, 24).splitlines()[-1], "the last line has the span"
    assert state.where.until == NOW - 3600
    pressed(state, "]", "]", "]")
    assert state.where.times(NOW) == (NOW - 3600, NOW)
    pressed(state, "[", "t")
    assert state.where.until == 0


def test_why_a_number_is_what_it_is() -> None:
    """Its writers, those that ended, and whether they make what is exported; w leads back."""
    state = rack("fog/ams/r04/n02/7")
    state.answers.tree = place("fog/ams/r04/n02/7", {"live": 1}, state="live")
    state.answers.own.series = (Series("orders_total", {}, 12.0),)
    assert pressed(state, "w") == [LOAD]
    assert "asking …" in text(state)
    labels = {"kind": "pizza"}
    epochs = [{"epoch": "00ff00ff00ff00ff", "values": [{"labels": labels, "value": 5}]}]
    node = {"epochs": epochs, "folded": 2, "closed": [{"labels": labels, "value": 7}]}
    state.answers.own.why = {"name": "orders_total", "node": node, "total": [{"labels": labels, "value": 12}]}
    shown = text(state)
    assert "writer 00ff…ff" in shown
    assert "2 writers that ended" in shown
    assert "✓ sum of the above" in shown
    state.answers.own.why = state.answers.own.why | {"total": [{"labels": labels, "value": 13}]}
    assert "does not add up: 12" in text(state)
    pressed(state, "w")
    assert "orders_total" in text(state)
    assert "writer" not in text(state)
    state = rack()
    assert pressed(state, "w") == [], "a place with children has no writers"
    assert pressed(state, "2", "w") == [LOAD]
    assert (state.where.path, state.where.metric) == ("fog/ams/r04/n02", "order_errors_total")


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_what_changed(size: tuple[int, int]) -> None:
    """The metric, both values, the change, and the way down to where it is."""
    state = rack()
    way = [{"path": "fog/ams/r04/n02", "share": 0.943}]
    one = {"metric": "order_errors_total", "type": "counter", "quantile": None, "before": 0.1, "now": 41.8, "way": way}
    even = one | {"metric": "orders_total", "before": 100.0, "now": 101.0, "way": [], "where": "spread evenly"}
    state.answers.changes = {"changes": [one, even]}
    shown = text(state, *size)
    assert "0.1 /s → 41.8 /s" in shown
    assert "n02 94.3 %" in shown
    assert ("spread evenly" in shown) == (size == (140, 40))


def test_a_place_is_compared_by_a_metric_that_it_has() -> None:
    """It is the first one that is there, unless somebody has chosen another."""
    state = rack()
    state.answers.families = [Metric("jobs_total", "counter"), Metric("orders_total", "counter")]
    state.answers.changes = {"names": ["orders_total"]}
    assert state.metric() == state.answers.families[1]
    state.where.metric = "jobs_total"
    assert state.metric() == state.answers.families[0]


def test_a_row_that_is_cut_is_read_below() -> None:
    """All of the chosen one stands under the table, at 80 cells too."""
    state = fleet()
    pressed(state, "g", "a", "down")
    lines = text(state, 80, 24).splitlines()
    row = next(place for place, line in enumerate(lines) if line.startswith("▸"))
    assert "94 %" not in lines[row]
    assert "94 % of the rise is under this place: 0.1 to 41.8 /s." in " ".join(" ".join(lines[row + 2 :]).split())


def test_the_line_of_a_problem_is_that_of_its_place() -> None:
    """Of an alert's expression, which is of all places, the row at or under its place."""
    state = fleet()
    values = {"fog/ams/r04/n01": "7", "fog/ams/r04/n02": "8"}
    rows = [{"metric": {"fog_path": path}, "values": [[NOW, value]]} for path, value in values.items()]
    api = Answering({"/api/v1/query_range": lambda _: {"data": {"result": rows}}})
    for one in questions(api, state, NOW, again=False):
        if one.name == "sparks":
            one.take(state.answers, one.ask())
    [rises] = [one for one in state.problems if one.path == "fog/ams/r04/n02"]
    assert state.answers.sparks[rises.key][-1] == 8


def test_events_can_be_paused() -> None:
    """The newest stand first; a filter is for names and places; Space holds the list."""
    state = rack()
    pressed(state, "g", "e")
    event = {
        "path": "fog/ams",
        "name": "deployed",
        "timestamp": NOW,
        "value": None,
        "labels": {},
        "metadata": {"v": "2"},
    }
    state.answers.events = {"events": [event, event | {"name": "node_lost"}], "kept": 2, "lost": 0, "next": None}
    assert text(state).index("■  node_lost") < text(state).index("○  deployed")
    assert pressed(state, " ") == []
    assert "paused" in text(state)
    assert pressed(state, " ") == [LOAD]
    state.where.until = NOW - 600
    api = Answering({"/api/events": lambda query: query | {"events": [], "next": None}})
    [asked] = [one.ask() for one in questions(api, state, NOW, again=False) if one.name == "events"]
    assert asked["until"] == NOW - 600, "none that came later takes the place of those of the span"
    pressed(state, "f", *"deploy", "enter")
    assert "node_lost" not in text(state)
