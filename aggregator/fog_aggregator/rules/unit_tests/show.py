"""Expectations and what came instead, as promtool writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_aggregator.promql.formatting import format_exponent
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.templates.values import quote
from fog_aggregator.rules.unit_tests.model import ExpectedAlert

_INDENT: Final = " " * 12
"""Before each further line of a list of alerts."""


def show_labels(labels: Labels) -> str:
    """Write labels."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"


def show_alerts(alerts: Sequence[ExpectedAlert]) -> str:
    """Write alerts, each in three lines."""
    if not alerts:
        return "[]"
    listed = [
        f"{place}:\n  Labels:{show_labels(alert.labels)}\n  Annotations:{show_labels(alert.annotations)}"
        + (f"\n  State:{alert.state}" if alert.state else "")
        for place, alert in enumerate(alerts)
    ]
    return "[\n{}\n]".format(",\n".join(listed)).replace("\n", f"\n{_INDENT}")


def show_samples(samples: Sequence[tuple[Labels, float]]) -> str:
    """Write the samples of an expression in one line."""
    return ", ".join(f"{show_labels(labels)} {format_value(value)}" for labels, value in samples) or "nil"


def format_value(value: float) -> str:
    """Write a value with an exponent."""
    text = format_exponent(value)
    return text.upper() if "e" in text else text


def show_elapsed(milliseconds: int) -> str:
    """Write a duration as Go does: ``1m0s``."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
