"""Rules for names. Every refusal is a ValueError that shows the offending part."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite

from .model import ROLLUPS, Family
from .support import arguments
from .support.numeric import as_float

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_UNIT = re.compile(r"[a-zA-Z0-9_:]+")

RESERVED = "fog_"
FROM_NODES = "fog_agent_"
"""Of the names that begin with `fog_`, an aggregator takes these alone from a node."""

MAX_NAME_LENGTH = 256
"""Longer names are not carried over the bus."""


def _refuse_unless(pattern: re.Pattern[str], what: str, name: object) -> None:
    name = arguments.text(what, name)
    match = pattern.match(name)
    end = match.end() if match else 0
    if not name:
        raise ValueError(f"{what} is empty")
    if end != len(name):
        raise ValueError(f"{what} {name!r}: {name[end]!r} at position {end} is not allowed ({pattern.pattern})")


def check_family(family: Family) -> None:
    """Refuses a family whose name, unit, bounds or rollup are wrong.

    Raises:
        ValueError: with the offending part.
    """
    _refuse_unless(_METRIC_NAME, "metric name", family.name)
    arguments.text(f"metric {family.name!r}: its description", family.help)
    arguments.text(f"metric {family.name!r}: its unit", family.unit)
    if not base_name(family):
        raise ValueError(f"metric name {family.name!r}: a counter needs a name before '_total'")
    if family.unit:
        _refuse_unless(_UNIT, f"metric {family.name!r}: unit", family.unit)
        base = base_name(family)
        if not base.endswith("_" + family.unit):
            raise ValueError(f"metric name {family.name!r} must end in its unit: {base}_{family.unit}")
    for choice in family.rollup:
        if choice not in ROLLUPS:
            raise ValueError(f"metric {family.name!r}: unknown rollup {choice!r}, not one of {', '.join(ROLLUPS)}")


def refuse_unpublishable(name: str, *, reserved_names: bool) -> None:
    """Refuse a metric's name that no aggregator would take from a node.

    Args:
        name: Checked already.
        reserved_names: Whether the metric is one of the fleet's own, whose names begin with `fog_`.

    Raises:
        ValueError: says what to change.
    """
    if name.startswith(RESERVED) and not reserved_names and not name.startswith(FROM_NODES):
        raise ValueError(
            f"metric name {name!r} begins with {RESERVED!r}: such names are the fleet's own, and an aggregator refuses "
            "them from a program; choose another name"
        )
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(
            f"metric name {name[:64]!r}… is longer than {MAX_NAME_LENGTH} characters: choose a shorter one"
        )


def check_label_names(names: Sequence[str], family: Family) -> None:
    """Refuses label names that are malformed, repeated, or reserved (`__x`; `le` on a histogram).

    Raises:
        ValueError: with the offending name.
    """
    for index, name in enumerate(names):
        _refuse_unless(_LABEL_NAME, f"metric {family.name!r}: label name", name)
        if name.startswith("__"):
            raise ValueError(f"metric {family.name!r}: label name {name!r}: names beginning with '__' are reserved")
        if name in family.type.reserved_labels:
            raise ValueError(f"metric {family.name!r}: label name {name!r} is reserved for the bounds of buckets")
        if name in names[:index]:
            raise ValueError(f"metric {family.name!r}: label name {name!r} is given twice")


def checked_bounds(buckets: Iterable[float], name: str) -> tuple[float, ...]:
    """Return the finite bounds of a histogram's buckets; `+Inf` is implied and may be given.

    Raises:
        ValueError: not ascending, repeated, not finite, or none at all.
        TypeError: not a sequence of numbers.
    """
    arguments.text("metric name", name)
    given = arguments.items(
        f"histogram {name!r}: buckets must be a sequence of bounds (or exponential, in a collector)",
        buckets,
    )
    bounds = tuple(_bound(bound, name) for bound in given)
    if bounds and bounds[-1] == float("inf"):
        bounds = bounds[:-1]
    if not bounds:
        raise ValueError(f"histogram {name!r} needs at least one finite bucket bound")
    for bound in bounds:
        if not isfinite(bound):
            raise ValueError(f"histogram {name!r}: bucket bound {bound} is not finite")
    for lower, upper in pairwise(bounds):
        if lower == upper:
            raise ValueError(f"histogram {name!r}: bucket bound {upper} is given twice")
        if lower > upper:
            raise ValueError(f"histogram {name!r}: bucket bounds must ascend, {upper} comes after {lower}")
    return bounds


def _bound(value: object, name: str) -> float:
    try:
        return as_float(value)
    except TypeError as error:
        raise TypeError(f"histogram {name!r}: bucket bound: {error}") from None


def base_name(family: Family) -> str:
    """Return the name of the family in OpenMetrics: a counter's without `_total`."""
    return family.type.base_name(family.name)


def sample_names(family: Family) -> Iterator[str]:
    """Return every name under which the family appears in any format. No two families may share one."""
    return family.type.sample_names(family.name)


def refuse_clashes(family: Family, owners: Mapping[str, str]) -> None:
    """Refuses a family one of whose sample names another has. `owners` maps sample names to the families they are of.

    Raises:
        ValueError: registered already, or a clash by suffix.
    """
    for sample in sample_names(family):
        owner = owners.get(sample)
        if owner == family.name:
            raise ValueError(f"metric {family.name!r} is registered already")
        if owner is not None:
            raise ValueError(f"metric {family.name!r} clashes with {owner!r}: both would expose {sample!r}")
