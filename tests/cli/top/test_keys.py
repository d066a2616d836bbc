"""Keys, as on the page: what each does to the screen, and what it asks for outside."""

from __future__ import annotations

import pytest

from fog_cli.top.screen.compose import current
from fog_cli.top.screen.keys import LOAD, Effect, Effects, press
from fog_cli.top.screen.state import VIEWS, State
from tests.cli.top.made_up import NOW, rack
from tests.cli.top.test_screen import fleet, text


def pressed(state: State, *keys: str) -> Effects:
    """Press keys one after the other; what the last one asks for."""
    effects: Effects = []
    for key in keys:
        effects = press(state, key, current(state, NOW))
    return effects


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


def test_a_row_that_is_cut_is_read_below() -> None:
    """All of the chosen one stands under the table, at 80 cells too."""
    state = fleet()
    pressed(state, "g", "a", "down")
    lines = text(state, 80, 24).splitlines()
    row = next(place for place, line in enumerate(lines) if line.startswith("▸"))
    assert "94 %" not in lines[row]
    assert "94 % of the rise is under this place: 0.1 to 41.8 /s." in " ".join(" ".join(lines[row + 2 :]).split())


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
    pressed(state, "f", *"deploy", "enter")
    assert "node_lost" not in text(state)
