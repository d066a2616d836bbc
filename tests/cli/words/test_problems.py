"""Problems and verdicts, from answers of /api/alerts."""

from __future__ import annotations

from typing import Any

import pytest

from fog_cli.words.alerts import alert_lines
from fog_cli.words.coverage import not_live, states
from fog_cli.words.nodes import node_table
from fog_cli.words.problems import Problems, place_of, read
from fog_cli.words.text import plain
from fog_cli.words.verdict import Doubt, of_place

START = 1_700_000_000.0
WAS_FINE = "Nothing was wrong when the aggregator was last heard"
LIVE = {"live": 97, "stale": 2, "departed": 1}


def problem(title: str, path: str, **more: Any) -> dict[str, Any]:
    """Return one problem of an answer."""
    plain_one: dict[str, Any] = {
        "alert": title.title().replace(" ", ""),
        "title": title,
        "path": path,
        "state": "firing",
        "severity": "warning",
        "since": START,
        "nodes": 1,
        "of": 10,
        "suppressed": {},
        "text": "1 alert.",
        "query": "",
        "alerts": 1,
        "annotations": {},
        "members": [],
        "fires_at": None,
        "silenced_until": None,
    }
    return plain_one | more


def answer(*problems: dict[str, Any], nodes: Any = (), **more: Any) -> dict[str, Any]:
    """Return an answer of /api/alerts."""
    firing = sum(one["state"] == "firing" for one in problems)
    plain_answer: dict[str, Any] = {
        "problems": list(problems),
        "nodes": list(nodes),
        "resolved": [],
        "held": "",
        "alerts": {"firing": firing, "suppressed": 0},
        "total": len(problems),
    }
    return plain_answer | more


STALE = {
    "state": "stale",
    "groups": [
        {"path": "fog/ams/r04", "nodes": 4, "of": 100, "first": START - 60, "last": START},
        {"path": "fog/fra", "nodes": 2, "of": 50, "first": START - 30, "last": START},
        {"path": "fog/gru", "nodes": 1, "of": 50, "first": 0, "last": 0},
    ],
}
LOST = problem("Branch lost", "fog/ams", severity="critical", since=START - 60, suppressed={"NodeSilent": 99})
RISING = problem("Errors rise", "fog/fra/r1/n02", query='rate(order_errors_total{fog_level="3"}[5m]) > 1')


def test_lines_are_those_of_the_page() -> None:
    """The worst first; nodes that are behind no line of an alert have one for their state."""
    found = read(answer(RISING, LOST, problem("Later", "fog/x", state="pending"), nodes=[STALE]))
    lines = [(one.number, one.severity, one.title, place_of(one)) for one in found.firing]
    assert lines == [
        (1, "critical", "Branch lost", "fog/ams"),
        (2, "warning", "Errors rise", "fog/fra/r1/n02"),
        (3, "warning", "3 nodes stale", "fog/fra and 1 more"),
    ]
    assert found.firing[1].metric == "order_errors_total"
    assert [one.title for one in found.pending] == ["Later"]
    assert [one.title for one in found.at("fog/gru").firing] == ["3 nodes stale"]
    assert [one.title for one in found.at("fog/fra/r1").firing] == ["Errors rise"]


def test_nodes_that_are_not_live_do_not_fire() -> None:
    """They stand in a list of their own, with their numbers."""
    lines = [plain(line) for line in alert_lines(read(answer(LOST, nodes=[STALE])), START)]
    assert lines[0] == "1 firing, 0 pending, 0 silenced"
    assert lines[lines.index("Not live") + 2].startswith("▲ 2  3 nodes stale")
    missing = {"state": "missing", "groups": [{"path": "fog/a", "nodes": 1, "of": 1, "first": 0, "last": 0}]}
    [line] = [line for one in alert_lines(read(answer(nodes=[missing])), START) if "fog/a" in (line := plain(one))]
    assert line.split("fog/a")[1].split()[0] == "–", "nobody knows since when"  # noqa: RUF001 - a dash
    assert "Nothing fires here." in [plain(line) for line in alert_lines(read(answer(nodes=[STALE])), START)]


def test_a_watchdog_is_no_problem() -> None:
    """An alert of severity none fires always: it shows that rules reach their receivers."""
    always = problem("Watchdog", "", severity="note", members=[{"labels": {"severity": "none"}, "value": 1}])
    verdict = of_place("", read(answer(always)), {"live": 1}, Doubt(), START)
    assert verdict.title == "All well"


def test_the_list_in_a_terminal() -> None:
    """Signs tell the severity without a colour; silenced and over ones stand below, with their end."""
    over = {"alert": "Down", "title": "Down", "path": "", "severity": "warning", "since": START, "until": START + 60}
    silenced = problem("Quiet", "fog/1", state="silenced", silenced_until=START + 7200)
    lines = [plain(line) for line in alert_lines(read(answer(RISING, LOST, silenced, resolved=[over])), START + 60)]
    assert lines[0] == "2 firing, 0 pending, 1 silenced"
    assert [line[:14].rstrip() for line in lines[2:6]] == ["Firing", "     alert", "■ 1  Branch lo", "▲ 2  Errors ri"]
    assert "100 alerts" in lines[4]
    assert " · 2 min  " in lines[4]
    assert "1 h 59 min left" in lines[9]
    assert lines[13].startswith("✓  Down   the fleet")


@pytest.mark.parametrize(
    ("path", "found", "nodes", "doubt", "severity", "title"),
    [
        ("", answer(), {"live": 100}, Doubt(), "ok", "All well"),
        ("fog/1", answer(), {"live": 100}, Doubt(), "ok", "All well here"),
        ("", answer(), LIVE, Doubt(), "warning", "Nothing fires; 1 node is departed, 2 stale"),
        ("", answer(), {}, Doubt(), "", "No node has been heard yet"),
        ("fog/9", answer(), {}, Doubt(), "", "No node is known here"),
        ("", None, {"live": 1}, Doubt(), "", "Alerts are not known"),
        ("", answer(), None, Doubt(), "", "Asking the aggregator …"),
        ("", answer(), {"live": 1}, Doubt(error="403"), "", "Alerts are not known"),
        ("", answer(), {"live": 1}, Doubt(is_cut_off=True), "warning", "Cut off from NATS"),
        ("", answer(), {"live": 1}, Doubt(not_ready="it reads"), "warning", "Not ready: no totals yet"),
        (
            "",
            answer(),
            {"live": 1},
            Doubt(is_disconnected=True),
            "",
            "Nothing was wrong when the aggregator was last heard",
        ),
        ("", answer(LOST, RISING), LIVE, Doubt(), "critical", "Branch lost at fog/ams, Errors rise at fog/fra/r1/n02"),
        ("fog/ams", answer(LOST, RISING), LIVE, Doubt(), "critical", "Branch lost"),
        ("fog/fra", answer(RISING, nodes=[STALE]), LIVE, Doubt(), "warning", "Errors rise at fog/fra/r1/n02"),
        ("fog/gru", answer(LOST, RISING), {"live": 5}, Doubt(), "ok", "All well here"),
    ],
)
def test_verdicts(path: str, found: Any, nodes: Any, doubt: Doubt, severity: str, title: str) -> None:
    """All is well only where somebody can know it."""
    problems: Problems | None = None if found is None else read(found)
    verdict = of_place(path, problems, nodes, doubt, START + 60)
    assert (verdict.severity, verdict.title) == (severity, title)


def test_states_in_words() -> None:
    """Zero is shown, faint; unknown is a dash; nobody reads only where it is so."""
    assert (
        "".join(text for text, _ in states(LIVE))
        == "█ live 97  ▚ stale 2  ✖ departed 1  □ missing 0  ▒ quarantined 0  "
    )
    assert plain(states(None)) == "█ live –  ▚ stale –  ✖ departed –  □ missing –  ▒ quarantined –"  # noqa: RUF001 - dashes
    assert not_live({"unread": 1, "live": 2}) == "1 node is below a branch that nobody reads"


def test_nodes_in_rows() -> None:
    """With the command that a departed one needs; a hostile version is text."""
    node = {
        "path": "fog/0/3",
        "state": "departed",
        "last_heard_age_seconds": 7200.0,
        "interval_seconds": 10.0,
        "epochs": 2,
        "gaps": 1,
        "ephemeral": False,
        "branch": False,
        "info": {"version": "2\x1b[2J"},
        "frames": 12_345,
    }
    head, row = [plain(line) for line in node_table([node], START, "frames")]
    assert head.split() == [
        "state",
        "place",
        "for",
        "last",
        "heard",
        "interval",
        "version",
        "note",
        "command",
        "frames",
    ]
    assert row.startswith("✖ departed  fog/0/3  2 h")
    assert row.endswith(r"2\x1b[2J  2 writers, 1 gaps open  fog forget fog/0/3  12,345")
