"""How a frame's sections are made, one module for each kind of value (`fog_schema.frames.KINDS_OF_VALUE`).

A module says which values it is for (`TYPE`, the type of metric; `VALUES`, the types of value), and how they are packed
into a frame (`fill`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from fog_agent.core.sections.section import SectionsByType
from fog_schema.frames import KINDS_OF_VALUE
from utilityfog_frontend.telemetry.model import MetricType


def _by_type() -> dict[MetricType, SectionsByType]:
    sections: dict[MetricType, SectionsByType] = {}
    for kind in KINDS_OF_VALUE:
        section = import_module(f"{__name__}.{kind}")
        sections.setdefault(section.TYPE, SectionsByType()).update(dict.fromkeys(section.VALUES, section.fill))
    return sections


SECTIONS: Final = _by_type()
"""The sections by type of metric, in the order in which types get their ids: those of one type lie together."""
