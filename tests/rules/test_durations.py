"""Durations as Prometheus reads and writes them."""

from __future__ import annotations

import re

import pytest

from fog_aggregator.rules.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "milliseconds", "written"),
    [
        ("0", 0, "0s"), ("0s", 0, "0s"), ("1ms", 1, "1ms"), ("1500ms", 1500, "1s500ms"), ("90s", 90_000, "1m30s"),
        ("1h30m", 5_400_000, "1h30m"), ("24h", 86_400_000, "1d"), ("7d", 604_800_000, "1w"), ("8d", 691_200_000, "8d"),
        ("365d", 31_536_000_000, "1y"), ("366d", 31_622_400_000, "366d"), ("1y2w3d4h5m6s7ms", 33_019_506_007, None),
    ],
)  # fmt: skip
def test_durations_are_read_and_written(text: str, milliseconds: int, written: str | None) -> None:
    """Years and weeks are written only when nothing is left over."""
    assert parse_duration(text) == milliseconds
    assert written in {None, format_duration(milliseconds)}
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty duration string"),
        ("5x", 'not a valid duration string: "5x"'),
        ("5", 'not a valid duration string: "5"'),
        ("-5m", 'not a valid duration string: "-5m"'),
        ("1m1h", 'not a valid duration string: "1m1h"'),
        ("1.5h", 'not a valid duration string: "1.5h"'),
        ("300y", "duration out of range"),
    ],
)
def test_other_texts_are_refused(text: str, said: str) -> None:
    """In Prometheus' words."""
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse_duration(text)
