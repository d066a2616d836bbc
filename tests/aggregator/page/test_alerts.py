"""The problems of a place over HTTP: alerts joined by cause, what is new and over, and nodes that are not live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fog_aggregator.components.http.access.credentials import Credential, line_of, new_token
from fog_aggregator.components.http.access.exposure import Exposure
from fog_aggregator.components.http.access.logins import Logins
from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus, RuleStatus
from fog_aggregator.notifications.alert_log import BAR, BARS, AlertLog
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import make_labels
from tests.aggregator.api.asking import Asked, asking
from tests.aggregator.fleet import START
from tests.promql.asking import load

SINCE = int(START * 1000)


def alert(name: str, path: str, state: str = "firing", **more: Any) -> AlertStatus:
    """Return an alert about a place."""
    labels = {"alertname": name, "severity": more.pop("severity", "warning")} | ({"fog_path": path} if path else {})
    annotations = {"summary": f"{path} has {name}", "others": "secret"}
    return AlertStatus(make_labels(labels), annotations, state, SINCE, more.pop("value", 3.0), **more)


def group(*alerts: AlertStatus, **rule: Any) -> GroupStatus:
    """Return a group with a rule for each name of some alerts."""
    names = sorted({dict(one.labels)["alertname"] for one in alerts})
    templates = {"summary": "{{ $labels.fog_path }}", "others": '{{ query "x" }}'}
    rules = [
        RuleStatus(
            name,
            "x > 2",
            state="firing",
            hold_seconds=300.0,
            annotations=templates,
            alerts=[one for one in alerts if dict(one.labels)["alertname"] == name],
            **rule,
        )
        for name in names
    ]
    return GroupStatus("g", "f.yml", 15.0, rules)


async def problems(asked: Asked, query: str = "") -> dict[str, Any]:
    """Ask for the problems."""
    answer = await asked.ask(f"/api/alerts{query}")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_problems_are_listed_by_what_is_worst() -> None:
    """With number, title, place, beginning, text and all that a line shows; and page by page."""
    async with asking(load("x 1")) as asked:
        asked.rules.groups = (
            group(
                *(alert("NodeHot", path) for path in ("fog/0/1", "fog/0/2")),
                alert("QueueFull", "fog/1/1", severity="critical", value=float("inf"), nodes=1),
                alert("Silenced", "fog/1"),
                alert("Later", "", "pending"),
            ),
        )
        found = await problems(asked)
        assert found["alerts"] == {"firing": 3, "pending": 1, "silenced": 1, "suppressed": 0}
        lines = [(one["number"], one["title"], one["path"], one["state"], one["severity"]) for one in found["problems"]]
        assert lines == [
            (1, "Queue full", "fog/1/1", "firing", "critical"),
            (2, "Node hot", "fog/0", "firing", "warning"),
            (3, "Later", "", "pending", "warning"),
            (4, "Silenced", "fog/1", "silenced", "warning"),
        ]
        queue, hot, later, silenced = found["problems"]
        assert (hot["alerts"], hot["nodes"], hot["of"], hot["text"]) == (2, 2, 3, "2 alerts at 2 places.")
        assert (queue["since"], queue["query"], queue["annotations"]) == (
            START,
            "x > 2",
            {"summary": "fog/1/1 has QueueFull"},
        )
        assert queue["members"][0]["value"] == "+Inf"
        assert (later["fires_at"], silenced["silenced_until"]) == (START + 300.0, 5_000.0)
        second = await problems(asked, "?limit=1&offset=1")
        assert ([one["number"] for one in second["problems"]], second["total"]) == ([2], 4)
        below = await problems(asked, "?path=fog/0")
        assert [one["title"] for one in below["problems"]] == ["Node hot"]
        tag = (await asked.ask("/api/alerts")).headers["ETag"]
        assert (await asked.ask("/api/alerts", If_None_Match=tag)).status == 304
        asked.status.reason = "it catches up"
        assert (await problems(asked))["held"] == "it catches up"


def notice(name: str, path: str, at: int, *, firing: bool = True) -> Notice:
    """Return a notice about a place."""
    labels = make_labels({"alertname": name, "fog_path": path, "severity": "critical"})
    return Notice(labels, (), at, at + 5_000, firing)


class Received:
    """A receiver that does nothing but count."""

    begun = 0
    taken = 0

    def begin(self) -> None:
        """Count."""
        self.begun += 1

    def submit(self, notices: Any, at: int) -> None:
        """Count."""
        self.taken += len(notices) if at else 0


def everything(_: str) -> bool:
    """Show all rules."""
    return True


def test_new_alerts_are_bars() -> None:
    """Each once, however often it is handed on; those of a place alone; none of before the last 6 hours."""
    receiver = Received()
    log = AlertLog(receiver)
    log.begin()
    now = 100 * BAR + 1
    log.submit([notice("a", "fog/0", now), notice("b", "fog/1", now - BAR), notice("c", "fog/1", now - 36 * BAR)], 1)
    log.submit([notice("a", "fog/0", now)], 2)
    assert (receiver.begun, receiver.taken) == (1, 4)
    assert log.bars((), now, everything) == [0] * (BARS - 2) + [1, 1]
    assert log.bars(("fog", "0"), now, everything) == [0] * (BARS - 1) + [1]
    log.submit([notice("a", "fog/0", now, firing=False), notice("x", "fog/0", 5, firing=False)], 3)
    assert [one.path for one in log.resolved((), everything)] == [("fog", "0")], "one that nobody saw firing is no news"
    assert list(log.resolved(("fog", "1"), everything)) == []
    log.submit([notice("a", "fog/0", now + 9_000)], 4)
    assert log.bars((), now, everything)[-1] == 2, "it fires again"


async def test_new_and_resolved_ones_are_in_the_answer() -> None:
    """With the bound of a flood."""
    async with asking(load("x 1")) as asked:
        asked.status.log = AlertLog(Received())
        asked.status.log.submit([notice("a", "fog/0", SINCE), notice("b", "fog/1", SINCE)], 1)
        asked.status.log.submit([notice("a", "fog/0", SINCE, firing=False)], 1)
        found = await problems(asked)
        assert (found["new"]["flood"], found["new"]["counts"][-1]) == (10, 2)
        over = {"alert": "a", "title": "a", "path": "fog/0", "severity": "critical", "since": START, "until": START + 5}
        assert found["resolved"] == [over]
        assert (await problems(asked, "?path=fog/1"))["new"]["counts"][-1] == 1


async def test_what_a_part_of_the_tree_may_not_see_is_in_no_list(tmp_path: Path) -> None:
    """Of a rule whose labels ask the fleet, and of one that is gone, neither ended alerts nor new ones are counted."""
    (login, line), file = new_token(), tmp_path / "tokens"
    file.write_text(line_of(Credential("part", ("fog", "0"), line)))
    file.chmod(0o600)
    async with asking(load("x 1"), exposure=Exposure(logins=Logins(file))) as asked:
        asks = group(alert("Asks", "fog/0/1"), labels={"worst": '{{ query "x" }}'})
        plain = group(alert("Plain", "fog/0/1"))
        asked.rules.groups = (asks, plain)
        asked.status.log = AlertLog(Received())
        names = ("Asks", "Plain", "Gone")
        asked.status.log.submit([notice(name, "fog/0/1", SINCE) for name in names], 1)
        asked.status.log.submit([notice(name, "fog/0/1", SINCE, firing=False) for name in names], 1)
        answer = await asked.ask("/api/alerts", Authorization=f"Bearer {login}")
        found = json.loads(answer.body)
        assert [one["title"] for one in found["problems"]] == ["Plain"]
        assert [one["alert"] for one in found["resolved"]] == ["Plain"]
        assert sum(found["new"]["counts"]) == 1


async def test_nodes_that_are_not_live_are_joined_by_place() -> None:
    """By state, with when they were last heard."""
    async with asking(load("x 1")) as asked:
        fleet = asked.fleet
        fleet.now += 45
        for member in fleet.members:
            if member.path[:2] != ("fog", "0"):
                member.send()
        [stale] = (await problems(asked))["nodes"]
        group_of = {"path": "fog/0", "nodes": 3, "of": 3, "first": START, "last": START}
        assert stale == {"state": "stale", "nodes": 3, "groups": [group_of], "left_out": 0}
        assert (await problems(asked, "?path=fog/1"))["nodes"] == []
