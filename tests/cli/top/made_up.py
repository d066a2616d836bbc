"""A fleet that is made up, as an aggregator answers of it: a branch is lost, and errors rise under one node."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

from fog_cli.top.screen.state import Answers, Chart, Link, State, Where
from fog_cli.words.problems import read
from fog_cli.words.queries import Metric
from tests.cli.words.test_problems import answer, problem

NOW: Final = datetime(2026, 11, 26, 14, 14, tzinfo=UTC).timestamp()
ERRORS: Final = Metric("order_errors_total", "counter")
ORDERS: Final = Metric("orders_total", "counter")
RISE: Final = [0.1] * 30 + [2.0 * step for step in range(20)] + [41.8] * 10
STEADY: Final = [0.1 + 0.01 * (step % 3) for step in range(60)]


def place(path: str, nodes: dict[str, int], *children: dict[str, Any], state: str | None = None) -> dict[str, Any]:
    """Return a place of an answer of /api/tree."""
    name = path.rpartition("/")[2]
    return {
        "path": path,
        "name": name,
        "state": state,
        "count": sum(nodes.values()),
        "nodes": nodes,
        "children": list(children),
    }


def status(*, ready: bool = True) -> dict[str, Any]:
    """Return an answer of /api/status, as far as it is used."""
    stream = {"name": "FOG_V1_METRICS", "sequence": 750, "last_sequence": 1000, "lag": 250}
    reason = "" if ready else "it reads what came while it was away"
    return {"now": NOW, "ready": ready, "reason": reason, "connected": True, "path": "", "streams": [stream]}


def problems() -> Any:
    """Return two problems and nodes that are stale."""
    lost = problem(
        "Branch lost",
        "fog/bos/r07",
        severity="critical",
        since=NOW - 3240,
        text="All 100 silent within 3 s.",
        query="x",
    )
    rises = problem(
        "Order errors rise",
        "fog/ams/r04/n02",
        severity="critical",
        since=NOW - 1920,
        text="94 % of the rise is under this place: 0.1 to 41.8 /s.",
        query='rate(order_errors_total{fog_level="3"}[5m]) > 5',
    )
    stale = {
        "state": "stale",
        "groups": [{"path": "fog/fra/r02", "nodes": 12, "of": 100, "first": NOW - 700, "last": NOW}],
    }
    return answer(lost, rises, nodes=[stale])


def rack(path: str = "fog/ams/r04") -> State:
    """Return the screen of a rack with ten hosts; the second one has errors."""
    hosts = [f"{path}/n{number:02d}" for number in range(1, 11)]
    values = {host: 0.07 + 0.01 * number for number, host in enumerate(hosts)} | {hosts[1]: 41.8}
    children = [place(host, {"live": 10}) for host in hosts]
    children[4]["nodes"] = {"live": 9, "stale": 1}
    found = read(problems())
    answers = Answers(
        problems=found,
        tree=place(path, {"live": 99, "stale": 1}, *children),
        families=(ERRORS, ORDERS),
        values=values,
        sparks={host: RISE if host == hosts[1] else STEADY for host in hosts},
        chart=Chart(ERRORS, [value + 1 for value in RISE], (0.9, 1.3), NOW - 3600, NOW),
    )
    for one, shape in zip(found.firing, ([math.nan] * 6 + [1.0] * 54, RISE, STEADY), strict=True):
        answers.sparks[one.key] = shape
    return State(Where(path), answers=answers, link=Link("http://fog:10364", status(), NOW - 1.2))
