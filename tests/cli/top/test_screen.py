"""The screen, from answers that are made up: what stands on it, at each size, in each state of the aggregator."""

from __future__ import annotations

import math
from statistics import median

import pytest

from fog_cli.top.asking import families, series
from fog_cli.top.screen.children import children_of, ratios
from fog_cli.top.screen.compose import screen
from fog_cli.top.screen.state import Series, State, Where
from fog_cli.words.problems import read
from fog_cli.words.queries import Metric
from fog_cli.words.text import size_of
from tests.cli.top.made_up import NOW, place, rack, status
from tests.cli.top.picture import BLOCK, PAGE, picture, shown
from tests.cli.words.test_problems import answer, problem


def text(state: State, width: int = 120, height: int = 40, now: float = NOW) -> str:
    """Return a screen as one text."""
    return "\n".join(shown(state, width, height, now))


def fleet() -> State:
    """Return the same as `rack`, seen from the root."""
    state = rack()
    state.where.path = "fog"
    assert state.answers.tree is not None
    state.answers.tree = {**state.answers.tree, "path": "fog"}
    return state


def test_the_picture_in_the_document() -> None:
    """It is what the program shows; `python -m tests.cli.top.picture` writes it anew."""
    found = BLOCK.search(PAGE.read_text("utf-8"))
    assert found is not None
    assert found[0] == picture()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (110, 30), (200, 60), (40, 10), (20, 3)])
@pytest.mark.parametrize("view", ["overview", "nodes", "alerts", "events", "metrics"])
def test_every_line_has_the_size_of_the_screen(size: tuple[int, int], view: str) -> None:
    """Nothing stands out, however small it is, in any view, with a hostile name."""
    state = fleet()
    state.where.view = view
    assert state.answers.tree is not None
    state.answers.tree["children"].append(place(f"fog/ams/r04/{'日本語' * 20}", {"live": 1}))
    rows = screen(state, *size, NOW)
    assert len(rows) == size[1]
    assert {size_of(row.line) for row in rows} == {size[0]}


def test_what_is_wrong_stands_first() -> None:
    """The verdict names the worst two with their places; each problem has a number, a sign, a start and a duration."""
    lines = shown(fleet(), 120, 40)
    assert lines[0].startswith("fog   Branch lost at fog/bos/r07, Order errors rise at fog/ams/r04/n02   3 problems; ")
    assert lines[0].endswith("● live 1.2 s   ? keys")
    assert "numbers stand on 99 %" in lines[1]
    assert [line[:16] for line in lines[2:5]] == [" ■ 1 Branch lost", " ■ 2 Order error", " ▲ 3 12 nodes st"]
    assert "13:20 · 54 min" in lines[2]
    assert "▁▁▁▁▁▁▄▆██" in lines[3]


def test_a_chosen_problem_says_all() -> None:
    """Its text is there without being cut, at 80 cells too."""
    state = fleet()
    state.chosen.problem = 2
    assert "94 % of the rise is under this place: 0.1 to 41.8 /s." in text(state, 80, 24)
    assert "▸■ 2" in text(state, 80, 24)


def test_the_unlike_child_and_its_siblings() -> None:
    """First the one with nodes that are away, then the one that is unlike; its ratio is against the others' median."""
    rows = [line.split("│")[0].split() for line in shown(rack(), 120, 40) if " n0" in line[:6] or "▸ n0" in line]
    assert [row[:2] for row in rows[:2]] == [["▸", "n05"], ["n02", "10"]]
    assert rows[1][3:5] == ["41.8", "350"]
    assert ratios({"a": 1.0, "b": 2.0, "c": 3.0})["a"] != 2.0  # fewer than four others: nobody can say
    assert ratios(dict.fromkeys("abcde", 1.0) | {"f": 5.0})["f"] == 5.0


@pytest.mark.parametrize(
    ("numbers", "unlike"), [((1, 2, 10, 18, 25, 60), ""), ((10, 10, 11, 10, 9, 40), "f"), ((), "")]
)
def test_a_child_is_unlike_by_ratio_and_distance(numbers: tuple[float, ...], unlike: str) -> None:
    """As on the page: three times the median is nothing among values that are far apart; beside equal ones it is."""
    children = [{"path": f"fog/{name}", "name": name, "nodes": {"live": 1}} for name in "abcdef"]
    state = State(where=Where("fog"))
    state.answers.tree = {"path": "fog", "state": "", "count": 6, "children": children}
    state.answers.values = {f"fog/{name}": value for name, value in zip("abcdef", numbers, strict=False)}
    assert "".join(one.name for one in children_of(state) if one.is_unlike) == unlike


@pytest.mark.parametrize("number", [5, 6, 9])
def test_a_ratio_is_against_the_median_of_the_others(number: int) -> None:
    """As reckoned one by one, with equal values and with some that are not known."""
    values = {str(place): float(place * 7 % 5 + 1) for place in range(number)} | {"none": math.nan}
    for path, ratio in ratios(values).items():
        others = [value for one, value in values.items() if one != path and math.isfinite(value)]
        assert path == "none" or ratio == values[path] / median(others)


def test_thousands_of_children() -> None:
    """The first 500 are rows, and a filter reaches every other; more than an answer has are found in other ways."""
    state = rack()
    assert state.answers.tree is not None
    state.answers.tree["children"][:] = [place(f"fog/ams/r04/m{number}", {"live": 10}) for number in range(3000)]
    assert "3,000 children, worst first: the first 500, f finds the others" in text(state)
    state.chosen.filter = "m2999"
    assert "▸ m2999" in text(state)
    state.answers.tree["children"].clear()
    assert "Too many lie here for one answer" in text(state)


def test_all_is_well_only_where_it_is_known() -> None:
    """Without answers it asks; without problems, all live, it is; disconnected it was."""
    state = State()
    state.link.hear(status(), NOW)
    assert "Asking the aggregator …" in text(state)
    calm = rack("fog/gru/r01")
    assert calm.answers.tree is not None
    calm.answers.tree = {**calm.answers.tree, "nodes": {"live": 100}}
    assert "All well here" in text(calm)
    assert "✓ Nothing is wrong" in text(calm)
    calm.answers.tree["nodes"]["stale"] = 1  # of a place that is behind the listed ones
    assert "○ Nothing fires" in text(calm)
    calm.answers.tree["nodes"]["stale"] = 0
    gone = text(calm, now=NOW + 47)
    assert "All well" not in gone
    assert "Disconnected for 48 s. What you see is of 14:13:58." in gone
    assert "✖ disconnected 48 s" in gone
    assert "Nothing was wrong when the aggregator was last heard" in gone


def test_where_nothing_is_wrong() -> None:
    """The last problem, and the pending alert of the place that fires first, in the page's words: at 80x24 too."""
    soon = [
        problem(f"Disk {number} full", f"fog/gru/r01/n{number}", state="pending", fires_at=NOW + after)
        for number, after in enumerate((600, 90, 300))
    ]
    soon.append(problem("Queue long", "fog/fra", state="pending", fires_at=NOW + 5))
    over = {
        "alert": "BranchLost",
        "title": "Branch lost",
        "path": "fog/gru/r01",
        "since": NOW - 900,
        "until": NOW - 300,
    }
    calm = rack("fog/gru/r01")
    calm.answers.problems = read(answer(*soon, resolved=[over]))
    lines = [line.rstrip() for line in shown(calm, 80, 24)]
    assert "  Last problem       Branch lost fog/gru/r01, ended 5 min ago" in lines
    assert "  Nearest to firing  Disk 1 full fog/gru/r01/n1, in 90 s" in lines
    assert "  Silenced           0" in lines
    calm.answers.problems = read(answer())
    assert "  Last problem       none since the aggregator began" in text(calm)
    assert "  Nearest to firing  nothing is pending" in text(calm)


def test_not_ready() -> None:
    """No totals, no rates: how far it has read, and that alerts are held."""
    state = rack()
    state.link.hear(status(ready=False), NOW)
    found = text(state, 80, 24)
    assert "◐ not ready" in found
    assert "it reads what came while it was away" in found
    assert "◐ Stream FOG_V1_METRICS  750 of 1,000 messages  75 %" in found
    assert "live –" in found  # noqa: RUF001 - a dash
    assert "41.8" not in found


def test_quiet_and_polling() -> None:
    """After four beats that did not come; and where nothing is streamed."""
    state = rack()
    assert "○ quiet 9.2 s" in text(state, now=NOW + 8)
    state.link.polling = True
    assert "◌ polling 1.2 s" in text(state)


def test_a_node_without_children() -> None:
    """Its series, each with its value and unit; of a histogram the count and the sum."""
    state = rack("fog/a/0")
    state.answers.tree = place("fog/a/0", {"live": 1}, state="live")
    answer = {
        "metrics": {
            "queue_bytes": {"value": 2_500_000, "labels": {"queue": "a\x1b[2J"}},
            "fog_agent_up": {"value": 1, "labels": {}},
            "wait_seconds": [
                {"value": 3, "labels": {"le": "0.1"}},
                {"value": 1.5, "labels": {"type": "sum"}},
                {"value": 7, "labels": {"type": "count"}},
            ],
        }
    }
    state.answers.own.series = series(answer)
    state.answers.families = (*state.answers.families, Metric("wait_seconds", "histogram"))
    assert state.answers.own.series[0] == Series("queue_bytes", {"queue": "a\x1b[2J"}, 2_500_000)
    assert "4 series" in text(state)
    known = {"state": "stale", "last_heard_age_seconds": 48.0, "interval_seconds": 10.0, "epochs": 2, "gaps": 1}
    state.answers.own.node = known | {"awaits_keyframe": True, "info": {"version": "2.4.1", "os": "a\x1b"}}
    found = text(state, 200, 40)
    facts = (
        r"last frame 48 s ago · interval 10 s · 2 writers · 1 gap open · awaits a keyframe · os=a\x1b · version=2.4.1"
    )
    assert f"stale · {facts}" in found
    assert r"▸ queue_bytes         2.5  MB  queue=a\x1b[2J" in found
    assert "wait_seconds sum    1.5  s " in found
    assert "wait_seconds count    7 " in found
    assert "le=" not in found
    assert found.index("wait_seconds") < found.index("fog_agent_up")


def test_metrics_of_programs_come_first() -> None:
    """Counters come before gauges, the system's own last; what is no metric here is left out."""
    kinds = {
        "up": "gauge",
        "process_cpu_seconds": "counter",
        "orders_total": "counter",
        "x": "unknown",
        "wait": "histogram",
    }
    answer = {"data": {name: [{"type": kind}] for name, kind in kinds.items()} | {"none": []}}
    assert [one.name for one in families(answer)] == ["orders_total", "wait", "up", "process_cpu_seconds"]
    assert families({"data": {"a": [{"type": "gauge"}]}}) == (Metric("a", "gauge"),)


def test_nothing_is_obeyed_by_the_terminal() -> None:
    """An error, a reason or an alert that has control characters is text."""
    state = rack()
    state.answers.errors["chart"] = "\x1b[2J\u202e"
    assert text(state).endswith(r"▲ \x1b[2J\u202e")
    state.link.hear(status(ready=False) | {"reason": "\x1b]52;c;eA==\x07"}, NOW)
    assert "\x1b" not in text(state)


def test_an_error_keeps_what_was_there() -> None:
    """A part that could not be had says so in the last line, and the rest stays."""
    state = rack()
    state.answers.errors["chart"] = "http://fog says 422: too many"
    found = text(state, 80, 24)
    assert found.endswith("▲ http://fog says 422: too many")
    assert "order_errors_total  42.8 /s" in found
