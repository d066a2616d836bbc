"""Answer with the problems of a place: its alerts, joined where they have one cause."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiohttp import web

from fog_aggregator.analysis.problems import FLOOD, PENDING, STATES, Active, Problem, problems, severity_of, title_of
from fog_aggregator.components.http.access.alerts import alerts_under, is_under, open_rules, place_of
from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.below.passing import note_missing
from fog_aggregator.components.http.keys import NETWORK, SLOTS, STATUS
from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.keys import RULES
from fog_aggregator.components.http.page.messages import shown_state
from fog_aggregator.components.http.page.places import Whereabouts
from fog_aggregator.components.http.page.tagged import send_tagged
from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus
from fog_aggregator.network import NetworkCollector
from fog_aggregator.notifications.alert_log import BAR
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import Labels, label
from fog_aggregator.query.selection import Selection
from fog_schema.paths import Path, format_path

MOST_RESOLVED: Final = 100
MOST_MEMBERS: Final = 100
"""Alerts of one problem that are listed."""
_THEIR_OWN: Final = "alerts about places below it are its own aggregators'"
_TEXTS: Final = ("summary", "description", "runbook_url")


@dataclass(frozen=True, slots=True)
class _Known:
    """An alert as the rules tell of it, with what its rule says."""

    alert: AlertStatus
    hold_seconds: float
    query: str


async def alerts(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the problems at and under a path, the worst first."""
    network, status, path = request.app[NETWORK], request.app[STATUS], query["path"]
    branch = network.branch_over(path)
    if branch is not None and branch != path:
        note_missing(request, {branch: _THEIR_OWN})
    groups, root = request.app[RULES].rules(), shown_to(request)
    found = _known(groups, root, path)
    until = await status.silenced_until([one.alert.labels for one in found])
    now = int(network.now() * 1000)
    ready, reason = status.ready()
    log, shown = status.alert_log(), open_rules(groups)
    shows = shown.__contains__ if root else _all
    beside = {
        "path": format_path(path),
        "held": "" if ready else reason,
        "new": {"seconds": BAR / 1000, "flood": FLOOD, "counts": [] if log is None else log.bars(path, now, shows)},
        "resolved": [] if log is None else [_resolved(one) for one in islice(log.resolved(path, shows), MOST_RESOLVED)],
    }
    async with request.app[SLOTS].acquire(request):
        body = await asyncio.to_thread(lambda: json_bytes(beside | _problems(network, found, until, query)))
    return await send_tagged(request, body)


def _all(_: str) -> bool:
    return True


def _known(groups: Sequence[GroupStatus], root: Path, path: Path) -> list[_Known]:
    """Find the alerts at and under a path, as far as somebody may see them who is shown a part of the tree."""
    found: list[_Known] = []
    for group in groups:
        for rule in group.rules:
            alone = [GroupStatus(group.name, group.file, group.interval_seconds, [rule])]
            visible = alerts_under(alone, format_path(root)) if root else rule.alerts
            expression = "" if root else rule.query
            found += [
                _Known(alert, rule.hold_seconds, expression)
                for alert in visible
                if not path or is_under(place_of(alert.labels), format_path(path))
            ]
    return found


def _problems(
    network: NetworkCollector, found: Sequence[_Known], until: Sequence[float], query: Mapping[str, Any]
) -> dict[str, Any]:
    nodes, path = Whereabouts(network.node_states()), query["path"]
    active = [_active(one.alert, end) for one, end in zip(found, until, strict=True)]
    every = problems(active, nodes)
    page = list(enumerate(every, 1))[query["offset"] : query["offset"] + query["limit"]]
    counts = {state: sum(one.state == state and one.suppressed_by is None for one in active) for state in STATES}
    return {
        "total": len(every),
        "offset": query["offset"],
        "limit": query["limit"],
        "alerts": counts | {"suppressed": sum(one.suppressed_by is not None for one in active)},
        "problems": [_plain(number, problem, found, active) for number, problem in page],
        "nodes": nodes.groups(path, network.missing(Selection(path))),
    }


def _active(alert: AlertStatus, until: float) -> Active:
    place = place_of(alert.labels)
    return Active(
        name=label(alert.labels, "alertname"),
        path=_path(place),
        state=shown_state(alert, until),
        severity=label(alert.labels, "severity"),
        since=alert.active_at / 1000,
        value=alert.value,
        title=alert.annotations.get("title", ""),
        suppressed_by=_path(alert.suppressed_by) if alert.suppressed_by else None,
        doubtful=alert.held_since is not None,
        until=until,
    )


def _path(place: str) -> Path:
    return tuple(place.split("/")) if place else ()


def _plain(number: int, problem: Problem, found: Sequence[_Known], active: Sequence[Active]) -> dict[str, Any]:
    own = [found[member] for member in problem.members]
    one = own[0] if own else None
    fires = [known.alert.active_at / 1000 + known.hold_seconds for known in own if known.alert.state == PENDING]
    untils = [active[member].until for member in problem.members]
    texts = one.alert.annotations if one is not None and len(own) == 1 else {}
    return {
        "number": number,
        "alert": problem.name,
        "title": problem.title,
        "path": format_path(problem.path),
        "state": problem.state,
        "severity": problem.severity,
        "since": problem.since,
        "nodes": problem.nodes,
        "of": problem.of,
        "suppressed": dict(problem.suppressed),
        "text": problem.text,
        "query": one.query if one is not None else "",
        "hold_seconds": one.hold_seconds if one is not None else 0.0,
        "fires_at": min(fires, default=None),
        "silenced_until": max(untils, default=0.0) or None,
        "annotations": {name: texts[name] for name in _TEXTS if name in texts},
        "alerts": len(own),
        "members": [_member(known.alert) for known in own[:MOST_MEMBERS]],
    }


def _member(alert: AlertStatus) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "path": place_of(alert.labels),
        "value": alert.value,
        "since": alert.active_at / 1000,
        "nodes_behind": alert.nodes,
    }


def _resolved(notice: Notice) -> dict[str, Any]:
    labels: Labels = notice.labels
    return {
        "alert": label(labels, "alertname"),
        "title": label(notice.annotations, "title") or title_of(label(labels, "alertname")),
        "path": format_path(notice.path),
        "severity": severity_of(label(labels, "severity")),
        "since": notice.starts_at / 1000,
        "until": notice.ends_at / 1000,
    }
