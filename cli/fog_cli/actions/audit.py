"""The work of `fog audit`: a keyframe of each node from the bus, the aggregator's numbers over HTTP, side by side."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from nats.aio.msg import Msg

from fog_bus.nats.link import Link
from fog_cli.actions.replica import Replica, Total, Value
from fog_cli.api import Api
from fog_cli.bus import Refusals, connected_link
from fog_cli.commands.audit import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.terminal import Paint, show_coverage, show_labels
from fog_cli.words.text import printable
from fog_schema.codec import decode, encode_request
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import Frame, Request
from fog_schema.paths import Path, ancestors, format_path, parse_path
from fog_schema.subjects import Subjects

AT_ONCE: Final = 4
POLL: Final = 0.1
TRIES: Final = 100
"""How often the aggregator is asked again when it stands at another frame than we have seen."""
MOST_LISTED: Final = 10_000
SHOWN: Final = 50
TOLD: Final = ("equal", "nodes", "branches", "values", "differences", "silent")


@dataclass(slots=True)
class Findings:
    """The result of an audit.

    `branches` are paths that the aggregator has from aggregators of their own: theirs to audit.
    """

    nodes: int = 0
    values: int = 0
    branches: int = 0
    differences: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether every node answered and nothing differs."""
        return not (self.differences or self.silent)


class Listing(NamedTuple):
    """An aggregator's list of nodes, as an audit takes it.

    Attributes:
        nodes: the paths whose nodes it reads itself.
        above: those of them that have a branch below.
        branches: how many paths come as rollups. Their nodes are not listed, but would answer a request to such a path,
            or to one above it.
    """

    nodes: list[str]
    above: frozenset[str]
    branches: int


def sort_out(listed: Iterable[Mapping[str, Any]]) -> Listing:
    """Tell nodes from branches in what `/api/nodes` lists."""
    by_branch: dict[bool, list[str]] = {False: [], True: []}
    for entry in listed:
        by_branch[bool(entry.get("branch"))].append(entry["path"])
    nodes, branches = by_branch[False], by_branch[True]
    inner = {format_path(place) for branch in branches for place in ancestors(parse_path(branch))}
    return Listing(nodes, frozenset(inner.intersection(nodes)), len(branches))


def audit(settings: Settings) -> int:
    """Compare, print, and say by the exit code whether all is equal.

    Raises:
        UsageError: for a path that is none.
        CommandError: when NATS or the aggregator cannot be reached, when NATS does not let this user look, or when no
            node is live.
    """
    try:
        path = parse_path(settings.path) if settings.path else ()
        subjects = Subjects(settings.prefix)
    except PathError as error:
        raise UsageError(str(error)) from None
    findings, status = asyncio.run(_audit(settings, path, subjects))
    if settings.json:
        texts = {name: getattr(findings, name) for name in TOLD}
        print(json.dumps(texts | {"coverage": status["coverage"], "streams": status["streams"]}))
    else:
        print("\n".join(report(findings, status)))
    return 0 if findings.equal else 1


async def _audit(settings: Settings, path: Path, subjects: Subjects) -> tuple[Findings, dict[str, Any]]:
    api = Api(settings.api.url)
    query = {"path": format_path(path), "state": "live", "limit": MOST_LISTED}
    listing = sort_out((await asyncio.to_thread(api.json, "/api/nodes", query))["nodes"])
    if api.missing:
        raise CommandError(f"not audited, as not all nodes are known: {api.missing}")
    if not (listing.nodes or listing.branches):
        where = f" at or under {settings.path}" if settings.path else ""
        raise CommandError(f"not audited: no node{where} is live; fog nodes lists what there is")
    chosen = sorted(random.sample(listing.nodes, min(settings.most, len(listing.nodes))))
    findings = Findings(branches=listing.branches)
    async with connected_link(settings.nats, "fog audit") as link:
        asked = [subjects.resync(parse_path(name)) for name in chosen]
        refusals = Refusals(link, [*subjects.subtree("metrics", path), *asked])
        listener = Listener(link, subjects, chosen, listing.above)
        await listener.ask(path)
        _check(await refusals.answers())
        await listener.wait(settings.patience)
        _check(await refusals.answers())  # above a branch a writer is asked once it is heard
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(compare_node(api, name, listener.epochs(name), findings, turns) for name in chosen))
    return findings, await asyncio.to_thread(api.json, "/api/status")


def _check(refused: list[str]) -> None:
    """Raise CommandError for what the server refused: without it nothing can be said of whether the two are equal."""
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise CommandError(f"not audited: NATS refuses this user: {refused[0]}{more}")


class Listener:
    """Replicas of what some nodes say, by path and epoch.

    Args:
        link: a link that is connected.
        subjects: where they say it.
        chosen: the paths that are listened to.
        above: those of them where a request to all would reach nodes of a branch.
    """

    def __init__(self, link: Link, subjects: Subjects, chosen: Collection[str], above: Collection[str]) -> None:
        self._link = link
        self._subjects = subjects
        self._above = above
        self._replicas: dict[str, dict[int, Replica]] = {name: {} for name in chosen}
        self._progress = asyncio.Event()

    async def ask(self, path: Path) -> None:
        """Read along at and under a path, and ask for keyframes; above a branch each writer, once it is heard."""
        client = self._link.connection.client
        if client is None:
            return
        for subject in self._subjects.subtree("metrics", path):
            await client.subscribe(subject, cb=self._received)
        for name in self._replicas:
            if name not in self._above:
                await self._ask(name, Request())

    async def wait(self, patience: float) -> None:
        """Until all of them have sent a whole keyframe, or patience ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not all(map(self.epochs, self._replicas)):
                    self._progress.clear()
                    await self._progress.wait()

    def epochs(self, name: str) -> Mapping[int, Replica]:
        """Return the epochs of a path whose values are known."""
        return {epoch: one for epoch, one in self._replicas.get(name, {}).items() if one.after}

    async def _received(self, message: Msg) -> None:
        try:
            _, path = self._subjects.path_of(message.subject)
            frame = decode(message.data)
            await self._apply(format_path(path), frame)
        except (FrameError, PathError):
            pass  # somebody else's message: the aggregator counts it

    async def _apply(self, name: str, frame: Frame) -> None:
        replicas = self._replicas.get(name)
        if replicas is None:  # not drawn, or of a branch
            return
        is_new = frame.epoch not in replicas
        replicas.setdefault(frame.epoch, Replica()).apply(frame)
        self._progress.set()
        if is_new and name in self._above:
            await self._ask(name, Request(frame.epoch))

    async def _ask(self, name: str, request: Request) -> None:
        await self._link.send(self._subjects.resync(parse_path(name)), encode_request(request))


async def compare_node(
    api: Api, path: str, epochs: Mapping[int, Replica], findings: Findings, turns: asyncio.Semaphore
) -> None:
    """One node: each of its families, at whichever frame the aggregator stands."""
    if not epochs:
        findings.silent.append(path)
        return
    async with turns:
        tries = TRIES
        for family in sorted({name.family for one in epochs.values() for name in one.names.values()}):
            found = await _common_frame(api, path, family, epochs, tries)
            if _is_taken_out(found):  # since it was listed: the aggregator reads on no further
                return
            if _is_of_branch(found):  # a node at a branch's own path: the totals of all below it are explained there
                findings.branches += 1
                return
            theirs = _by_number(found)
            if not _stand(theirs, epochs):
                tries = 1  # it is the node that does not fit: no family is waited for as long again
                what = "the aggregator never stood at a frame that was heard here"
                findings.differences.append(f"{path} {family}: {what}")
                continue
            for number, one in epochs.items():
                compare_epoch(path, family, one, theirs[number], findings)
    findings.nodes += 1


async def _common_frame(
    api: Api, path: str, family: str, epochs: Mapping[int, Replica], tries: int
) -> Mapping[str, Any]:
    """Return an explanation at frames that were heard here, or the last one that was asked for."""
    for left in reversed(range(tries)):
        found: Mapping[str, Any] = await asyncio.to_thread(api.json, "/api/explain", {"path": path, "name": family})
        settled = _is_taken_out(found) or _is_of_branch(found)
        if not left or settled or _stand(_by_number(found), epochs):
            break
        await asyncio.sleep(POLL)
    return found


def _is_taken_out(found: Mapping[str, Any]) -> bool:
    nodes = found["coverage"]["nodes"]
    return bool(nodes["quarantined"] and not nodes["live"])


def _is_of_branch(found: Mapping[str, Any]) -> bool:
    return bool(found["node"] and found["node"].get("branch"))


def _by_number(found: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    return {int(epoch["epoch"], 16): epoch for epoch in (found["node"] or {"epochs": []})["epochs"]}


def _stand(theirs: Mapping[int, Mapping[str, Any]], epochs: Mapping[int, Replica]) -> bool:
    return all(number in theirs and theirs[number]["seq"] in one.after for number, one in epochs.items())


def compare_epoch(path: str, family: str, mine: Replica, theirs: Mapping[str, Any], findings: Findings) -> None:
    """One family of one epoch: what the node said against the aggregator's explanation of it, at the same frame."""
    values = mine.after[theirs["seq"]]
    exported = {entry["id"]: _value(entry["value"]) for entry in theirs["values"]}
    for number, name in mine.names.items():
        if name.family != family or number not in values:
            continue
        findings.values += 1
        if exported.get(number) != values[number]:
            what = f"{path} {family}{show_labels(dict(name.labels))} in epoch {theirs['epoch']}"
            findings.differences.append(
                f"{what}: the node says {values[number]}, the aggregator {exported.get(number)}"
            )


def _value(value: Any) -> Value:
    if isinstance(value, dict):
        return Total(tuple(value["counts"]), value["sum"])
    return value  # type: ignore[no-any-return]  # a number


def report(findings: Findings, status: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines for a person: what differs, who is missing or left out, the verdict, what it stands on."""
    yield from map(printable, findings.differences[:SHOWN])
    if len(findings.differences) > SHOWN:
        yield f"... and {len(findings.differences) - SHOWN} more"
    if findings.silent:
        yield printable(f"no keyframe came from {', '.join(findings.silent[:SHOWN])}")
    if findings.branches:
        yield f"branches left to their own aggregators to audit: {findings.branches}"
    verdict = "equal" if findings.equal else "NOT EQUAL"
    yield f"{verdict}: {findings.values} values of {findings.nodes} nodes, {len(findings.differences)} differences"
    sequences = ", ".join(f"{stream['name']} {stream['sequence']}" for stream in status["streams"])
    yield f"coverage: {show_coverage(status['coverage']['nodes'], Paint())}; stream sequences {sequences}"
