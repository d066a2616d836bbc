"""The kinds of value, one file each: how frames meet their columns, how totals are formed, joined and shown.

A module for each of `fog_schema.frames.KINDS_OF_VALUE`; its object has the module's name in capitals.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from fog_aggregator.core.kinds.kind import Kind, KindSet, Merge, SlotHolder, Tables
from fog_aggregator.core.series import Bounds
from fog_schema.frames import KINDS_OF_VALUE

__all__ = [
    "KINDS",
    "Kind",
    "KindSet",
    "Merge",
    "SlotHolder",
    "Tables",
    "kind_named",
    "kind_of_family",
    "new_tables",
]

KINDS: Final[tuple[KindSet, ...]] = tuple(
    getattr(import_module(f"{__name__}.{kind}"), kind.upper()) for kind in KINDS_OF_VALUE
)
"""Every kind of value, in the order in which a frame's sections are merged."""

LAID_OUT: Final[Mapping[int, Kind]] = {number: kind for kinds in KINDS for number, kind in kinds.laid_out().items()}
"""The kinds that kernels merge, by `fog_aggregator.kernels.layout.WIDTH` of their sections."""


def kind_of_family(type_: int, bounds: Bounds) -> Kind:
    """Return the kind that the series of a family are defined as.

    Args:
        type_: the family's type, one of `fog_schema.frames`.
        bounds: the upper bounds of a histogram's buckets, without +Inf; else none.

    Raises:
        ValueError: no kind is of the type, or has such bounds.
    """
    for kinds in KINDS:
        kind = kinds.of_family(type_, bounds)
        if kind is not None:
            return kind
    raise ValueError(f"no kind of value is of type {type_} with bounds {bounds}")


def kind_named(name: str) -> Kind:
    """Return the kind that a checkpoint calls by a name.

    Raises:
        ValueError: no kind has the name.
    """
    for kinds in KINDS:
        kind = kinds.named(name)
        if kind is not None:
            return kind
    raise ValueError(f"no kind of value is called {name!r}")


def new_tables() -> Tables:
    """Make the empty tables of a fleet. Kinds that come in sizes get theirs when they are first needed."""
    return Tables({kind: kind.new_table() for kind in KINDS if isinstance(kind, Kind)})
