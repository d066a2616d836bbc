"""Nodes in a row each: state, place, how long it is away, version, and the command that it needs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fog_cli.words.numbers import clock, count, many, moment, span
from fog_cli.words.spark import SWATCHES
from fog_cli.words.table import Column, table
from fog_cli.words.text import Line, Span, printable

STATES: Final = ("live", "stale", "departed", "ended", "missing", "quarantined", "unread", "retired")
COSTS: Final = ("frames", "bytes", "cpu_seconds", "refused")
SORTS: Final = ("path", "worst", "silence", *COSTS)
_DAY: Final = 86_400.0
_COLUMNS: Final = (
    Column("state"),
    Column("place"),
    Column("for", right=True),
    Column("last heard", right=True),
    Column("interval", right=True),
    Column("version"),
    Column("note"),
    Column("command"),
)


def node_table(nodes: Sequence[Mapping[str, Any]], now: float, cost: str = "") -> list[Line]:
    """Lay nodes out as a table, a cost of each at its end if that is asked for."""
    columns = (*_COLUMNS, Column(cost, right=True)) if cost else _COLUMNS
    return table(columns, [[*_row(node, now), *([(count(node[cost]), "")] if cost else [])] for node in nodes])


def _row(node: Mapping[str, Any], now: float) -> list[Span]:
    age, state = node["last_heard_age_seconds"], node["state"]
    return [
        (f"{SWATCHES.get(state, ' ')} {state}", state),
        (node["path"], ""),
        ("" if state == "live" else span(age), ""),
        (_last_heard(age, now), "faint"),
        (f"{node['interval_seconds']:g} s" if node["interval_seconds"] else "", "faint"),
        (printable(node["info"].get("version", "")), "faint"),
        (note_of(node), ""),
        (command_of(node), "bold"),
    ]


def _last_heard(age: float | None, now: float) -> str:
    if age is None:
        return "never"
    return clock(now - age) if age < _DAY else moment(now - age, now)


def facts_of(node: Mapping[str, Any]) -> str:
    """Say in a line what is known of a node: when its last frame came, its writers, and what it tells of itself."""
    age, info = node["last_heard_age_seconds"], node["info"]
    parts = [
        "never heard" if age is None else f"last frame {span(age)} ago",
        f"interval {node['interval_seconds']:g} s" if node["interval_seconds"] else "",
        many(node["epochs"], "writer"),
        f"{many(node['gaps'], 'gap')} open" if node["gaps"] else "",
        "awaits a keyframe" if node["awaits_keyframe"] else "",
        *(f"{name}={value}" for name, value in sorted(info.items())),
    ]
    return printable(" · ".join(filter(None, parts)))


def note_of(node: Mapping[str, Any]) -> str:
    """Return what is worth a word about a node."""
    parts = (
        (node["state"] == "missing", "expected, never heard"),
        (node["epochs"] > 1, f"{node['epochs']} writers"),
        (node["gaps"] > 0, f"{node['gaps']} gaps open"),
        (node["ephemeral"], "ephemeral"),
        (node["branch"], "a branch's own aggregator"),
    )
    return ", ".join(text for applies, text in parts if applies)


def command_of(node: Mapping[str, Any]) -> str:
    """Return the command that an operator needs for a node, if any."""
    path = shlex.quote(node["path"])
    commands = {"departed": f"fog forget {path}", "quarantined": f"fog quarantine {path} --lift"}
    return commands.get(node["state"], "")
