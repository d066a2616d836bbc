"""Settings of a listener for statsd, read from a table of the file of sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fog_agent.sources.datagrams import Address, read_address
from fog_agent.sources.tables import Table
from fog_schema.limits import MAX_BOUNDS
from utilityfog_frontend.telemetry.exponential.resolution import EXPONENTIAL
from utilityfog_frontend.telemetry.model import ROLLUPS, Exponential
from utilityfog_frontend.telemetry.names import checked_bounds

from .lines import DIALECTS
from .mapping import UPDOWN, Mapping, Mappings, unknown_placeholders
from .plan import DEFAULT_BUCKETS, ENTITY, Limits, Plan

MOST_ADDRESSES: Final = 16
MOST_MAPPINGS: Final = 1_000


@dataclass(frozen=True, slots=True)
class StatsdSettings:
    """One `[[statsd]]` table.

    Attributes:
        name: names the source.
        addresses: where it listens.
        plan: how lines are read.
    """

    name: str
    addresses: tuple[Address, ...]
    plan: Plan


def read(table: Table) -> StatsdSettings:
    """Read a table.

    Raises:
        ValueError: names the key and the value that cannot be used.
    """
    name = table.text("name")
    addresses = _addresses(table)
    dialect = table.choice("dialect", DIALECTS)
    buckets = _buckets(table, DEFAULT_BUCKETS)
    drop_tags = frozenset(table.texts("drop_tags", (ENTITY,)))
    limits = Limits(
        table.integer("max_series", 1, 100_000, Limits().series),
        table.integer("max_new_series_per_second", 1, 100_000, Limits().new_series),
        table.seconds("idle", 60, 604_800, Limits().idle),
        table.seconds("interval", 1, 3_600, Limits().interval),
        table.integer("max_events_per_second", 1, 1_000, Limits().events),
    )
    mappings = Mappings(tuple(_numbered(table.tables("mapping"))))
    table.end()
    return StatsdSettings(name, addresses, Plan(dialect, buckets, mappings, drop_tags, limits))


def _addresses(table: Table) -> tuple[Address, ...]:
    listen = table.texts("listen")
    mode = table.text("mode", "0660")
    if len(mode) > 4 or not set(mode) <= set("01234567"):
        raise ValueError(f"mode = {mode!r}: must be permissions as chmod takes them, such as '0660' or '0666'")
    group, insecure = table.text("group", ""), table.flag("insecure")
    if not 1 <= len(listen) <= MOST_ADDRESSES:
        raise ValueError(f"listen has {len(listen)} addresses: give 1 to {MOST_ADDRESSES}")
    try:
        return tuple([read_address(one, insecure=insecure, mode=int(mode, 8), group=group) for one in listen])
    except ValueError as error:
        raise ValueError(f"listen: {error}") from None


def _buckets(table: Table, default: Any) -> Any:
    """Take bounds, or "exponential"."""
    found = table.numbers_or(EXPONENTIAL, "buckets", default)
    if found == EXPONENTIAL:
        return Exponential()
    if found is not default:
        if len(found) > MAX_BOUNDS:
            raise ValueError(f"buckets: there are {len(found)} bounds; give {MAX_BOUNDS} at most")
        found = checked_bounds(found, "buckets")
    return found


def _numbered(tables: list[Table]) -> list[Mapping]:
    if len(tables) > MOST_MAPPINGS:
        raise ValueError(f"mapping: there are {len(tables)}; give {MOST_MAPPINGS} at most")
    found = []
    for number, table in enumerate(tables, 1):
        try:
            found.append(_mapping(table))
        except ValueError as error:
            raise ValueError(f"mapping number {number}: {error}") from None
    return found


def _mapping(table: Table) -> Mapping:
    match, name, labels = table.text("match"), table.text("name", ""), table.mapping("labels")
    rollup = table.texts("rollup", ())
    mapping = Mapping(
        match,
        name,
        tuple(labels.items()),
        _buckets(table, None),
        drop=table.choice("action", ("map", "drop"), "map") == "drop",
        updown=table.choice("type", ("counter", UPDOWN), "counter") == UPDOWN,
        rollup=rollup,
    )
    table.end()
    _check(mapping)
    return mapping


def _check(mapping: Mapping) -> None:
    parts = mapping.match.split(".")
    if any(not part or ("*" in part and part != "*") for part in parts):
        raise ValueError(f"match = {mapping.match!r}: must be names between dots, of which a whole one may be '*'")
    for placeholder in unknown_placeholders([mapping.name, *dict(mapping.labels).values()], mapping.stars):
        raise ValueError(f"{placeholder}: match = {mapping.match!r} has {mapping.stars} stars")
    for choice in mapping.rollup:
        if choice not in ROLLUPS:
            raise ValueError(f"rollup = {choice!r}: must be of {', '.join(ROLLUPS)}")
