"""The options of rules. Without the evaluation: `--help` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import PERIOD, URL, Kind

DEFAULT: Final = "default"
"""Stands for the rules that are shipped."""


def _texts(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be text, or a list of texts")
    return tuple(part.strip() for part in parts if part.strip())


FILES: Final = Kind("FILE[,FILE]", _texts)
PAIRS: Final = Kind("NAME=VALUE[,NAME=VALUE]", _texts)


@dataclass(frozen=True, kw_only=True)
class RulesOptions:
    """Which rules are evaluated, how often, and what their alerts bear."""

    rules: tuple[str, ...] = option(
        (DEFAULT,),
        "rule files of Prometheus, or patterns of their names; default stands for the shipped ones",
        FILES,
        convert=tuple,
    )
    rules_interval: float = option(60.0, "how often groups of rules are evaluated that do not say so", PERIOD)
    external_labels: tuple[str, ...] = option((), "labels that alerts bear for their receivers", PAIRS, convert=tuple)
    external_url: str = option("", "where people find this aggregator, for links in alerts", URL)
