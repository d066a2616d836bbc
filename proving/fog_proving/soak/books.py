"""Hold the books of the healthy nodes against all that an aggregator has: of the whole fleet, and retired."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import aiohttp

from fog_cli.actions.books import Book, add, differences, read_exposition, samples
from fog_proving.soak.churn import ROOT
from fog_proving.soak.verdict import COUNTS, Result
from fog_testing.waiting import eventually

_END_SECONDS: Final = 120.0
_LISTED: Final = 40
"""The newest events of the programs with churn that must be listed, whatever the hostile path records."""


async def judge_counts(url: str, books: Iterable[Book], result: Result) -> None:
    """Compare what healthy nodes have counted with what the aggregator has of it.

    It is asked for the whole fleet, and not for a subtree: nodes that retire count for a group, which moves up when
    nothing lives beside it. Label sets that nobody has had for the horizon are in the retired counts.
    """
    counted, found = add(books), dict[str, int | float]()

    async def agree() -> bool:
        nonlocal found
        exported = add([read_exposition(await _get(url, "/metrics")), await _retired(url)])
        found = {name: exported.get(name, 0) for name in counted}
        return not differences(counted, found)

    try:
        await eventually(agree, deadline=_END_SECONDS, what="the aggregator has all counts of the healthy nodes")
    except TimeoutError:
        for name in differences(counted, found):
            result.find(COUNTS, f"{name}: {counted[name]:,} were counted, and the aggregator has {found[name]:,}")
    result.figures.append(
        f"- Counts of healthy nodes: {sum(counted.values()):,} counted, {sum(found.values()):,} exported or retired."
    )


async def judge_reading(url: str, result: Result) -> None:
    """Look whether all that was stored was read: what was trimmed before is a machine's that is too slow for this."""
    name, text = "fog_aggregator_stream_trimmed_messages_total", await _get(url, "/metrics")
    trimmed = round(sum(sample.value for sample in samples(text) if sample.name == name))
    if trimmed:
        result.find(COUNTS, f"{trimmed:,} messages were trimmed unread: this machine is too slow, nothing is proved")


async def judge_events(url: str, recorded: int, result: Result) -> None:
    """Look for the newest events of the programs with churn."""
    found = json.loads(await _get(url, f"/api/events?path={ROOT}&limit={_LISTED}") or '{"events": []}')["events"]
    if len(found) < min(_LISTED, recorded):
        result.find(COUNTS, f"of {recorded} events of the programs with churn {len(found)} are listed")
    result.figures.append(f"- Events of programs with churn: {recorded:,} recorded, the newest {len(found)} listed.")


async def _retired(url: str) -> Book:
    """Return the retired counts as a book."""
    families = json.loads(await _get(url, "/api/retired") or '{"families": []}')["families"]
    return {f"{one['name']}_count" if one["type"] == "histogram" else one["name"]: one["counted"] for one in families}


async def _get(url: str, path: str) -> str:
    try:
        async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
            return await answer.text() if answer.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError):
        return ""
