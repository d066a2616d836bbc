"""Answer what is known of rules and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from aiohttp import web

from fog_aggregator.components.http.access.alerts import alerts_under
from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus, RuleStatus
from fog_aggregator.components.http.prometheus.route import API, success
from fog_aggregator.promql.formatting import format_exponent
from fog_schema.paths import format_path

Query: TypeAlias = Mapping[str, Any]

_NEVER: Final = "0001-01-01T00:00:00Z"
"""A time of nothing, as Go writes it."""


async def rules(request: web.Request, given: Query) -> web.StreamResponse:
    """List the groups with their rules, as far as they are asked for; groups without one are left out."""
    groups = []
    for group in request.app[API].rules.rules():
        wanted = _among(group.name, given["rule_group[]"]) and _among(group.file, given["file[]"])
        chosen = [rule for rule in group.rules if wanted and _is_wanted(rule, given)]
        if chosen:
            groups.append(_group(group, [_rule(rule) for rule in chosen]))
    return success({"groups": groups})


async def alerts(request: web.Request, _: Query) -> web.StreamResponse:
    """List the active alerts; those that are about a part of the tree, to who is shown no more."""
    known, root = request.app[API].rules, shown_to(request)
    found = alerts_under(known.rules(), format_path(root)) if root else known.alerts()
    return success({"alerts": [_alert(alert) for alert in found]})


def _among(name: str, names: tuple[str, ...]) -> bool:
    return not names or name in names


def _is_wanted(rule: RuleStatus, given: Query) -> bool:
    kind = "record" if rule.state is None else "alert"
    return given["type"] in {None, kind} and _among(rule.name, given["rule_name[]"])


def _group(group: GroupStatus, listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": listed,
        "interval": group.interval_seconds,
        "limit": group.limit,
        "evaluationTime": group.evaluation_seconds,
        "lastEvaluation": _moment(group.last_evaluation),
    }


def _rule(rule: RuleStatus) -> dict[str, Any]:
    """Return a rule with the members, and in the order, of its type."""
    of_alerts = {
        "state": rule.state,
        "name": rule.name,
        "query": rule.query,
        "duration": rule.hold_seconds,
        "keepFiringFor": rule.keep_firing_seconds,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [_alert(alert) for alert in rule.alerts],
    }
    recorded = {"name": rule.name, "query": rule.query, "labels": dict(rule.labels)}
    return {
        **(recorded if rule.state is None else of_alerts),
        "health": rule.health,
        **({"lastError": rule.last_error} if rule.last_error else {}),
        "evaluationTime": rule.evaluation_seconds,
        "lastEvaluation": _moment(rule.last_evaluation),
        "type": "recording" if rule.state is None else "alerting",
    }


def _alert(alert: AlertStatus) -> dict[str, Any]:
    since = alert.keep_firing_since
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": _moment(alert.active_at),
        **({"keepFiringSince": _moment(since)} if since is not None else {}),
        "value": format_exponent(alert.value),
        **({"heldSince": _moment(alert.held_since)} if alert.held_since is not None else {}),
        **({"suppressedBy": alert.suppressed_by} if alert.suppressed_by else {}),
        **({"nodesBehind": alert.nodes} if alert.nodes else {}),
    }


def _moment(milliseconds: int | None) -> str:
    """Write a time as RFC 3339 in UTC."""
    if milliseconds is None:
        return _NEVER
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = milliseconds % 1000
    return moment + (f".{rest:03d}".rstrip("0") if rest else "") + "Z"
