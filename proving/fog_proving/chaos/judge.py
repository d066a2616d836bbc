"""Compare an aggregator with the books: at every scrape while things break, and when it is quiet again.

While things break: no counter of nodes falls, also not over the aggregator's restarts, and none is above what the nodes
have counted by then. 503 and no answer are no answer, and fine.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

import aiohttp

from fog_aggregator.core.engine.readiness import SHORTEST_ROUND
from fog_cli.actions.books import FRACTIONS_AGREE, samples
from fog_proving.chaos.books import EVENT, FRACTION, Key

SCRAPE_SECONDS: Final = 4.0
OWN: Final = "fog_aggregator_"
"""An aggregator's own metrics begin anew with it."""
MOST_EVENTS: Final = 10_000
"""That one answer lists: of one process of nodes no more may come in a run."""
MOST_NODES: Final = 10_000
FLEET: Final = ""
DEEPEST: Final = 3
"""Nodes are ``chaos/<process>/<node>``, or one level deeper in a branch: at this one each is a group of its own."""
_PATH: Final = re.compile(r'fog_level="\d+",fog_path="([^"]*)",?')

View: TypeAlias = dict[tuple[str, Key], float]
"""Samples by path (`FLEET` for all together) and key."""


class Scrape(NamedTuple):
    """One look at an aggregator."""

    values: View
    kinds: Mapping[str, str]
    """Family type by sample name."""
    started: float | None = None
    """When its process was started, monotonic seconds; None when that has been looked at before."""
    late: Collection[str] = ()
    """Paths that it shows less of than there was, and says so."""


class Watch:
    """Looks at one aggregator, and remembers what it has said.

    Attributes:
        name: of the aggregator.
        url: of its HTTP side.
        scrapes: looks that had an answer.
        findings: what must not be, in words.
    """

    def __init__(self, name: str, url: str, tell: Callable[[str], None]) -> None:
        self.name = name
        self.url = url
        self.scrapes = 0
        self.findings: list[str] = []
        self._tell = tell
        self._last: View = {}
        self._started: float | None = None

    async def scrape(self) -> Scrape | None:
        """Everything it says of the fleet and of each node; None when it is not ready or does not answer."""
        started = self._started
        late = await self._late(started) if started is not None else ()
        texts = [await self.get("/metrics"), await self.get(f"/metrics?level={DEEPEST}")]
        if None in texts:
            return None
        values: View = {}
        kinds: dict[str, str] = {}
        for text in texts:
            for sample in samples(text or ""):
                path, labels = _split(sample.labels)
                values[path, (sample.name, labels)] = sample.value
                kinds[sample.name] = sample.kind
        self.scrapes += 1
        return Scrape(values, kinds, started, late)

    async def events(self, paths: Iterable[str]) -> dict[tuple[str, int], list[int]] | None:
        """List the numbers of the events at and under paths, by node and life; None when it does not answer."""
        found: dict[tuple[str, int], list[int]] = defaultdict(list)
        for path in paths:
            page = await self.get(f"/api/events?path={path}&name={EVENT}&limit={MOST_EVENTS}")
            if page is None:
                return None
            for event in json.loads(page)["events"]:
                found[event["path"], event["value"]["life"]].append(event["value"]["number"])
        return found

    async def _late(self, started: float) -> set[str]:
        """Return the paths that a new process shows without their keyframes, if it has waited a whole round for them.

        An aggregator does not wait for ever for a node that does not answer, and may have lost its counts since the
        checkpoint.
        """
        page = await self.get(f"/api/nodes?limit={MOST_NODES}")
        late = {node["path"] for node in json.loads(page)["nodes"] if node["awaits_keyframe"]} if page else set()
        waited = time.monotonic() - started >= SHORTEST_ROUND
        return late | {FLEET} if late and waited else set()

    async def get(self, path: str) -> str | None:
        """Fetch a page; None when the aggregator does not answer."""
        timeout = aiohttp.ClientTimeout(total=SCRAPE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self.url}{path}") as answer,
            ):
                return await answer.text() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    def begins_anew(self) -> None:
        """Its aggregator is started."""
        self._started = time.monotonic()

    def check_never_falls(self, scrape: Scrape) -> None:
        """Hold a scrape against all before it.

        The first one of a process may be lower by what is not promised: what is `late`; and a fraction by a unit, as
        the ratchet is that of the last checkpoint, and floats may be added in another order.
        """
        for place, value in scrape.values.items():
            path, (name, labels) = place
            if scrape.kinds[name] not in {"counter", "histogram"} or name.startswith(OWN):
                continue
            last = self._last.get(place, -math.inf)
            # Sums of histograms pass no ratchet.
            inexact = name.endswith("_sum") or (name == FRACTION and scrape.started is not None)
            if path not in scrape.late and (above(last, value) if inexact else value < last):
                self.find(f"{name}{{{labels}}} of {path or 'the fleet'} fell from {last!r} to {value!r}")
            self._last[place] = value
        if scrape.started == self._started:
            self._started = None

    def check_never_above(self, scrape: Scrape, counted: View) -> None:
        """Hold a scrape against the books, which were read after it."""
        for place, value in scrape.values.items():
            path, (name, labels) = place
            if place in counted and above(value, counted[place]):
                truth = counted[place]
                self.find(f"{name}{{{labels}}} of {path or 'the fleet'} is {value!r}, only {truth!r} were counted")

    def find(self, finding: str) -> None:
        """Something that must not be."""
        self.findings.append(f"{self.name}: {finding}")
        self._tell(f"WRONG: {self.findings[-1]}")


def above(value: float, bound: float) -> bool:
    """Whether a value is above a bound by more than another order of adding explains."""
    return value > bound and not math.isclose(value, bound, rel_tol=FRACTIONS_AGREE)


def _split(labels: str) -> tuple[str, str]:
    """Return the path that the labels name, and the rest of them."""
    found = _PATH.search(labels)
    if found is None:
        return FLEET, labels
    return found[1], (labels[: found.start()] + labels[found.end() :]).rstrip(",")
