"""Tell whether two registrations ask for the same metric, and if not, in which argument they differ."""

from collections.abc import Iterator
from typing import Any

from .family import FamilyState
from .metric import MetricState


def refuse_another(there: MetricState, wanted: FamilyState[Any]) -> None:
    """Refuse a metric whose name is taken, unless it is the one that is there: type, labels, bounds and all options.

    Raises:
        ValueError: says which argument differs, and how to get at the one that is there.
    """
    name = wanted.family.name
    if not isinstance(there, FamilyState):
        raise ValueError(  # noqa: TRY004 - it is no argument's type
            f"metric {name!r} is registered already, by a source of add_source(): choose another name"
        )
    for argument, mine, theirs in _arguments(wanted, there):
        if mine != theirs:
            raise ValueError(
                f"metric {name!r} is registered already, but with {argument}: {theirs!r} there, {mine!r} here; "
                f"get_metric({name!r}) returns the one that is there"
            )


def _arguments(wanted: FamilyState[Any], there: FamilyState[Any]) -> Iterator[tuple[str, object, object]]:
    """Yield each argument in words, its value in the one and its value in the other."""
    mine, theirs = wanted.family, there.family
    yield "another type", mine.type.value, theirs.type.value
    yield "another description", mine.help, theirs.help
    yield "another unit", mine.unit, theirs.unit
    yield "other buckets", mine.exponential or list(mine.bounds), theirs.exponential or list(theirs.bounds)
    yield "another rollup", mine.rollup, theirs.rollup
    yield "other labels", _labels(wanted), _labels(there)
    yield "another max_children", wanted.max_children, there.max_children
    yield "another ttl", wanted.ttl, there.ttl


def _labels(state: FamilyState[Any]) -> object:
    """Return labels as they are given: constant ones as a mapping, names as a list."""
    return list(state.names) if state.names else state.constant
