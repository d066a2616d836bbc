"""A level below branches is put together from our own places and the branches' answers, within limits."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from fog_aggregator.components.below import source
from fog_aggregator.components.below.asking import Answer, BranchQuestions, Question
from fog_aggregator.components.below.source import BelowSource
from fog_aggregator.history.routing import Level, View
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import UnavailableError
from fog_aggregator.promql.labels import Labels, Matcher, MatchKind, make_labels
from fog_aggregator.promql.storage import Part, Selection
from fog_aggregator.sources.fleet_storage import FleetStorage
from fog_schema.paths import Path, format_path

LEVEL_2 = (Matcher(MatchKind.EQUAL, "__name__", "work_total"), Matcher(MatchKind.EQUAL, "fog_level", "2"))


@dataclass
class Fleet:
    """Stands in for a network of branches, and for who asks their aggregators."""

    answers: Mapping[Path, Sequence[Mapping[str, Any]]]
    asked: list[Question] = field(default_factory=list)

    passes_on = True

    def __post_init__(self) -> None:
        self.loop, self.merging = asyncio.get_running_loop(), asyncio.Lock()

    def inventory(self, read: Callable[[Any], Any]) -> Any:
        """Read what is known of branches."""
        return read(self)

    def branches(self, _: Path) -> list[Path]:
        """Return all of them."""
        return list(self.answers)

    def addresses(self, branch: Path) -> list[str]:
        """Return where one may be asked."""
        return [format_path(branch)]

    def now(self) -> float:
        """Return the time in seconds."""
        return time.time()

    async def ask(self, question: Question, _: Sequence[str]) -> Answer:
        """Answer with the next answer of the branch."""
        self.asked.append(question)
        return Answer(200, json.dumps({"data": {"result": self.answers[question.branch]}}).encode())

    def storage(self, own: Sequence[tuple[str, Sequence[float]]], nodes: Sequence[Part] = ()) -> FleetStorage:
        """Return the storage of a root that has some groups of its own, each with the times of its samples."""
        kept = Kept([_series(path, times) for path, times in own], nodes)
        below = BelowSource(cast("NetworkCollector", self), cast("BranchQuestions", self), [kept])
        return FleetStorage([below, kept])


@dataclass
class Kept:
    """Keeps samples of one level, and which nodes its groups have."""

    parts: Sequence[Part]
    nodes: Sequence[Part]
    oldest = newest = None

    def holds(self, view: View) -> bool:
        """Tell whether it is a level."""
        return isinstance(view, Level)

    def select(self, _: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Return all of a name."""
        del start, end
        return Selection(self.parts if matchers[0].value == "work_total" else self.nodes)

    def series(self, _: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List none."""
        del matchers, start, end
        return []


def _labels(path: str) -> dict[str, str]:
    return {"__name__": "work_total", "fog_level": "2", "fog_path": path}


def _series(path: str, times: Sequence[float]) -> Part:
    milliseconds, offsets = (np.array(times) * 1000).astype(np.int64), np.array([0, len(times)], np.int64)
    return Part([make_labels(_labels(path))], milliseconds, np.ones(len(times)), offsets)


def _said(path: str, times: Sequence[float]) -> dict[str, Any]:
    return {"metric": _labels(path), "values": [[time, "1"] for time in times]}


def _places(found: Selection) -> dict[str, int]:
    """Return how many samples each place has."""
    return {
        dict(labels)["fog_path"]: size
        for part in found.parts
        for labels, size in zip(part.labels, part.sizes, strict=True)
    }


async def test_a_window_has_a_branch_once() -> None:
    """The branch's first sample in it comes after some of ours, as its steps are others: ours are left out."""
    fleet = Fleet({("fog", "1"): [_said("fog/1/a", [59])]})
    storage = fleet.storage([("fog", [5, 20, 35, 50]), ("fog/1", [5, 20, 35, 50])])
    found = await asyncio.to_thread(storage.select, LEVEL_2, 0, 60_000)
    assert _places(found) == {"fog": 4, "fog/1/a": 1}


async def test_all_answers_of_a_level_share_one_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch whose answer does not fit is shown as one, with the reason."""
    fleet = Fleet({("fog", str(index)): [_said(f"fog/{index}/a", [59])] for index in range(4)})
    one = len(json.dumps({"data": {"result": fleet.answers["fog", "0"]}}))
    monkeypatch.setattr(source, "MOST_BYTES", 3 * one)
    found = await asyncio.to_thread(fleet.storage([("fog/3", [5])]).select, LEVEL_2, 0, 60_000)
    assert _places(found) == {"fog/0/a": 1, "fog/1/a": 1, "fog/2/a": 1, "fog/3": 1}
    assert [text.partition(" larger ")[0] for text in found.warnings] == [
        "fog/3 is shown as one: the answers of all branches are"
    ]


async def test_samples_are_counted_branch_by_branch() -> None:
    """Where there is no room for more, branches that were not asked yet are not asked; the turn is given back."""
    fleet = Fleet({("fog", str(index)): [_said(f"fog/{index}/a", [58, 59])] for index in range(9)})
    seen: list[int] = []

    def room(count: int) -> None:
        seen.append(count)
        if count > 4:
            raise UnavailableError("busy")

    storage = fleet.storage([("fog/3", [5])]).until(lambda: False, room)
    with pytest.raises(UnavailableError, match="busy"):
        await asyncio.to_thread(storage.select, LEVEL_2, 0, 60_000)
    assert seen[:3] == [2, 4, 6]
    assert len(fleet.asked) < len(fleet.answers)
    assert not fleet.merging.locked()


async def test_each_branch_is_asked_once() -> None:
    """Its answer has the warnings of silent nodes that it makes itself; the root looks at its own groups."""
    fleet = Fleet({("fog", str(index)): [_said(f"fog/{index}/a", [59])] for index in range(2)})
    coverage = _labels("fog") | {"__name__": "fog_aggregator_nodes", "state": "stale"}
    storage = fleet.storage([("fog", [5])], [Part([make_labels(coverage)], np.array([5]), np.array([[1.0]]))])
    found = await asyncio.to_thread(storage.select, LEVEL_2, 0, 60_000)
    assert _places(found) == {"fog": 1, "fog/0/a": 1, "fog/1/a": 1}
    assert sorted(question.branch for question in fleet.asked) == [("fog", "0"), ("fog", "1")]
    assert found.warnings == ("1 of 1 nodes under fog were silent",)
