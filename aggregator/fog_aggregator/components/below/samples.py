"""Read what a branch's aggregator answered about samples: each series is looked at. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from fog_aggregator.history.routing import LEVEL, NODE, PATH, Level, NodeOwn, Subtree
from fog_aggregator.promql.labels import Labels, Matcher, MatchKind, make_labels
from fog_aggregator.promql.storage import STALE, Floats, Ints, Part, Selection
from fog_schema.paths import Path, format_path

_MOST_WARNINGS: Final = 5
_LONGEST: Final = 300
LOOKBACK: Final = 300_000
"""Milliseconds for which an expression takes the last sample of a series, where nothing else is asked for."""


class NoSamplesError(ValueError):
    """An answer is not what it must be; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The samples that a branch is asked for.

    Attributes:
        whom: the branch.
        conditions: of its series, those that name the view among them.
        start: the time of the first sample, milliseconds.
        end: the time of the last one.
    """

    whom: Path
    conditions: Sequence[Matcher]
    start: int
    end: int

    @property
    def query(self) -> str:
        """The expression of PromQL that gives them as they are, at `end`."""
        return f"{{{','.join(map(str, self.conditions))}}}[{self.end - self.start + 1}ms]"


def wanted(branch: Path, view: Level | NodeOwn | Subtree, matchers: Sequence[Matcher], start: int, end: int) -> Wanted:
    """Return what to ask a branch about a view: nothing of other places."""
    if isinstance(view, NodeOwn):
        more = [Matcher(MatchKind.EQUAL, NODE, format_path(view.path))]
    elif isinstance(view, Subtree):
        more = [Matcher(MatchKind.EQUAL, PATH, format_path(view.path))]
    else:
        here = Matcher(MatchKind.REGEX, PATH, f"{re.escape(format_path(branch))}(/.*)?")
        more = [Matcher(MatchKind.EQUAL, LEVEL, str(view.level)), *view.path_matchers, here]
    return Wanted(branch, [*matchers, *more], start, end)


def read_samples(body: bytes, what: Wanted) -> Selection:
    """Read the answer to a question.

    Raises:
        NoSamplesError: It is none, or has a series or a sample that was not asked for.
    """
    try:
        answer = json.loads(body)
        tests = [(condition.name, condition.test()) for condition in what.conditions]
        rows = [_row(one, what, tests) for one in answer["data"]["result"]]
        warnings = [str(text)[:_LONGEST] for text in answer.get("warnings", ())[:_MOST_WARNINGS]]
    except NoSamplesError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        raise NoSamplesError("its answer is none of samples") from None
    if len({labels for labels, _, _ in rows}) < len(rows):
        raise NoSamplesError("its answer has a series twice")
    notes = tuple(f"{format_path(what.whom)}: {text}" for text in warnings)
    if not rows:
        return Selection((), notes)
    _mark_ends([(times, values) for _, times, values in rows])
    offsets = np.cumsum([0, *(len(times) for _, times, _ in rows)]).astype(np.int64)
    times = np.array([time for _, times, _ in rows for time in times], np.int64)
    values = np.array([value for _, _, values in rows for value in values], np.float64)
    return Selection((Part([labels for labels, _, _ in rows], times, values, offsets),), notes)


def _row(
    one: dict[str, Any], what: Wanted, tests: Sequence[tuple[str, Callable[[str], bool]]]
) -> tuple[Labels, list[int], list[float]]:
    labels = {str(name): str(value) for name, value in one["metric"].items()}
    if not all(test(labels.get(name, "")) for name, test in tests):
        raise NoSamplesError("its answer has a series that was not asked for")
    times = [round(time * 1000) for time, _ in one["values"]]
    if not times or any(before >= after for before, after in pairwise(times)):
        raise NoSamplesError("its answer has a series whose times do not ascend, or are none")
    if not what.start <= times[0] <= times[-1] <= what.end:
        found = f"{times[0] / 1000:.3f} to {times[-1] / 1000:.3f}"
        raise NoSamplesError(f"asked for {what.start / 1000:.3f} to {what.end / 1000:.3f}, it answers {found}")
    return make_labels(labels), times, [float(value) for _, value in one["values"]]


def _mark_ends(rows: Sequence[tuple[list[int], list[float]]]) -> None:
    """Put a marker one step after the last sample of each series that others have outlived by two steps or more.

    An answer of samples as they are has no markers. The steps of series may differ: each has those of its last samples.
    """
    last = [times[-1] - times[-2] for times, _ in rows if len(times) > 1]
    usual, newest = int(np.median(last)) if last else 0, max(times[-1] for times, _ in rows)
    for times, values in rows:
        step = times[-1] - times[-2] if len(times) > 1 else usual
        if step and newest >= times[-1] + 2 * step:
            times.append(times[-1] + step)
            values.append(STALE)


def first_of(found: Selection) -> int | None:
    """Return the time of the first sample; None without any."""
    return min((int(part.times.min()) for part in found.parts if part.times.size), default=None)


def begin_of(found: Selection, own: Selection, start: int) -> int | None:
    """Return the time from which a branch answers for itself; None for an answer without samples.

    That is `start` where the first sample comes so soon after it that none needs to be missing: within the distance of
    samples there or here, or within the time for which a sample is looked back at.
    """
    first = first_of(found)
    reach = max(LOOKBACK, _first_distance(found), _first_distance(own))
    return start if first is not None and first - start <= reach else first


def _first_distance(found: Selection) -> float:
    """Return the distance of the first two samples of most series; 0 where none has two."""
    rows = (_samples(part, row)[0][:2] for part in found.parts for row in range(len(part.labels)))
    distances = [int(times[1] - times[0]) for times in rows if times.size == 2]
    return float(np.median(distances)) if distances else 0.0


def with_groups_until(found: Selection, first: Mapping[Path, int]) -> Selection:
    """Let the groups of branches that have answered for themselves end where their answers begin.

    Before that a branch is shown as one, so that the sum over a level stays the fleet's.
    """
    ends = {(PATH, format_path(branch)): time for branch, time in first.items()}
    return Selection([cut for part in found.parts for cut in _until(part, ends)], found.warnings)


def _until(part: Part, ends: Mapping[tuple[str, str], int]) -> Iterator[Part]:
    """Yield the rows that stay as they are, and those that end, each with a marker where it does."""
    of_row = [next((ends[pair] for pair in labels if pair in ends), None) for labels in part.labels]
    staying = [row for row, end in enumerate(of_row) if end is None]
    if len(staying) == len(of_row):
        yield part
        return
    if part.offsets is None and staying:
        yield Part([part.labels[row] for row in staying], part.times, part.values[staying])
    for row, end in enumerate(of_row):
        if end is None and part.offsets is None:
            continue
        times, values = _samples(part, row)
        if end is not None:
            count = int(np.searchsorted(times, end))
            times, values = np.append(times[:count], end), np.append(values[:count], STALE)
        if times.size > (end is not None):
            yield Part([part.labels[row]], times, values, np.array([0, times.size], np.int64))


def _samples(part: Part, row: int) -> tuple[Ints, Floats]:
    if part.offsets is None:
        return part.times, part.values[row]
    span = slice(int(part.offsets[row]), int(part.offsets[row + 1]))
    return part.times[span], part.values[span]
