"""The notation of series in unit tests: ``up{job="a"}`` and ``0+10x5 _ stale``."""

from __future__ import annotations

import re
from typing import Final

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import Labels, MatchKind, make_labels
from fog_aggregator.promql.language.parse import parse
from fog_aggregator.promql.language.tree import Selector
from fog_aggregator.promql.storage import STALE
from fog_aggregator.rules.verdicts.coverage import Fate

MAX_SAMPLES: Final = 1_000_000
"""Of one series."""

_NUMBER: Final = r"(?:[Ii]nf|[Nn]a[Nn]|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_ITEM: Final = re.compile(
    rf"(?:(?P<blank>_)|(?P<stale>stale)|(?P<value>[+-]?{_NUMBER})(?P<step>[+-]{_NUMBER})?)(?:x(?P<count>\d{{1,9}}))?"
)
_STATE: Final = re.compile(rf"(?P<word>_|{'|'.join(fate.value for fate in Fate)})(?:x(?P<count>\d{{1,9}}))?")
_NO_LABELS: Final = re.compile(r"(?:\{\s*\})?")


def read_series(text: str) -> Labels:
    """Read a series: a name with labels, or either alone; no text is a series without any.

    Raises:
        ValueError: for what is none.
    """
    if _NO_LABELS.fullmatch(text.strip()):
        return ()
    try:
        selector = parse(text)
    except QueryError as error:
        raise ValueError(str(error)) from None
    if not isinstance(selector, Selector) or selector.offset or selector.at is not None:
        raise ValueError(f'{text!r} is no series: write name{{label="value"}}')
    if any(matcher.kind is not MatchKind.EQUAL for matcher in selector.matchers):
        raise ValueError(f"{text!r} is no series: its labels have one value each")
    return make_labels({matcher.name: matcher.value for matcher in selector.matchers})


def read_states(text: str) -> tuple[Fate | None, ...]:
    """Read the states of a node: None where it is not there yet.

    Raises:
        ValueError: for what is none, and for too many.
    """
    states: list[Fate | None] = []
    for item in text.split():
        match = _STATE.fullmatch(item)
        if match is None:
            words = ", ".join(fate.value for fate in Fate)
            raise ValueError(f"{item[:80]!r} is no state of a node: write _, {words}, or livex5 for six times")
        count = int(match["count"] or 0) + (match["word"] != "_" or not match["count"])
        if len(states) + count > MAX_SAMPLES:
            raise ValueError(f"a node of a test may have {MAX_SAMPLES} states")
        states += [None if match["word"] == "_" else Fate(match["word"])] * count
    return tuple(states)


def read_values(text: str) -> tuple[float | None, ...]:
    """Read samples: None where one is missing.

    Raises:
        ValueError: for what is none, and for too many.
    """
    values: list[float | None] = []
    for item in text.split():
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item[:80]!r} is no value: write 1, 1x5, 0+10x5, 100-5x10, _, _x5 or stale")
        count = int(match["count"]) if match["count"] else 0
        if len(values) + count > MAX_SAMPLES:
            raise ValueError(f"a series of a test may have {MAX_SAMPLES} samples")
        if match["blank"]:
            values += [None] * (count if match["count"] else 1)
            continue
        value, step = (STALE, 0.0) if match["stale"] else (float(match["value"]), float(match["step"] or 0))
        values.append(value)
        for _ in range(count):
            value = STALE if match["stale"] else value + step
            values.append(value)
    return tuple(values)
