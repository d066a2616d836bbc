"""The work of `fog audit`: a keyframe of each node from the bus, the aggregator's numbers over HTTP, side by side."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from nats.aio.msg import Msg

from fog_agent.link import Link
from fog_cli.api import Api
from fog_cli.bus import connected_link
from fog_cli.commands.audit import Settings
from fog_cli.errors import UsageError
from fog_cli.replica import Replica, Total, Value
from fog_cli.terminal import Paint, show_coverage, show_labels
from fog_schema.codec import decode, encode_request
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import Request
from fog_schema.paths import Path, format_path, parse_path
from fog_schema.subjects import Subjects

AT_ONCE: Final = 4
POLL: Final = 0.1
TRIES: Final = 100
"""How often the aggregator is asked again when it stands at another frame than we have seen."""
MOST_LISTED: Final = 10_000
SHOWN: Final = 50


@dataclass(slots=True)
class Findings:
    """What came of an audit."""

    nodes: int = 0
    values: int = 0
    differences: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether every node answered and nothing differs."""
        return not (self.differences or self.silent)


def audit(settings: Settings) -> int:
    """Compare, print, and say by the exit code whether all is equal.

    Raises:
        UsageError: for a path that is none.
        CommandError: when NATS or the aggregator cannot be reached.
    """
    try:
        path = parse_path(settings.path) if settings.path else ()
        subjects = Subjects(settings.prefix)
    except PathError as error:
        raise UsageError(str(error)) from None
    findings, status = asyncio.run(_audit(settings, path, subjects))
    if settings.json:
        told = {name: getattr(findings, name) for name in ("equal", "nodes", "values", "differences", "silent")}
        print(json.dumps(told | {"coverage": status["coverage"], "streams": status["streams"]}))
    else:
        _print(findings, status)
    return 0 if findings.equal else 1


async def _audit(settings: Settings, path: Path, subjects: Subjects) -> tuple[Findings, dict[str, Any]]:
    api = Api(settings.api.url)
    query = {"path": format_path(path), "state": "live", "limit": MOST_LISTED}
    listed = [node["path"] for node in (await asyncio.to_thread(api.json, "/api/nodes", query))["nodes"]]
    chosen = sorted(random.sample(listed, min(settings.most, len(listed))))
    findings = Findings()
    async with connected_link(settings.nats, "fog audit") as link:
        listener = _Listener(subjects)
        await listener.ask(link, path, chosen)
        await listener.wait(chosen, settings.patience)
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(_compare(api, name, listener.epochs(name), findings, turns) for name in chosen))
    return findings, await asyncio.to_thread(api.json, "/api/status")


class _Listener:
    """Replicas of everything that passes by, by path and epoch."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self._replicas: dict[str, dict[int, Replica]] = {}
        self._progress = asyncio.Event()

    async def ask(self, link: Link, path: Path, chosen: list[str]) -> None:
        """Read along, and ask for keyframes: everybody at once, or each of those that were drawn."""
        client = link.connection.client
        if client is None:
            return
        for subject in self._subjects.subtree("metrics", path):
            await client.subscribe(subject, cb=self._heard)
        for name in chosen:
            await link.send(self._subjects.resync(parse_path(name)), encode_request(Request()))

    async def wait(self, chosen: list[str], patience: float) -> None:
        """Until all of them have sent a whole keyframe, or patience ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not all(self.epochs(name) for name in chosen):
                    self._progress.clear()
                    await self._progress.wait()

    def epochs(self, name: str) -> Mapping[int, Replica]:
        """The epochs of a path whose values are known."""
        return {epoch: one for epoch, one in self._replicas.get(name, {}).items() if one.after}

    async def _heard(self, message: Msg) -> None:
        try:
            _, path = self._subjects.path_of(message.subject)
            frame = decode(message.data)
            self._replicas.setdefault(format_path(path), {}).setdefault(frame.epoch, Replica()).apply(frame)
            self._progress.set()
        except (FrameError, PathError):
            pass  # somebody else's message: the aggregator counts it


async def _compare(
    api: Api, path: str, epochs: Mapping[int, Replica], findings: Findings, turns: asyncio.Semaphore
) -> None:
    """One node: each of its families, at whichever frame the aggregator stands."""
    if not epochs:
        findings.silent.append(path)
        return
    findings.nodes += 1
    async with turns:
        for family in sorted({name.family for one in epochs.values() for name in one.names.values()}):
            await _compare_family(api, path, family, epochs, findings)


async def _compare_family(api: Api, path: str, family: str, epochs: Mapping[int, Replica], findings: Findings) -> None:
    for _ in range(TRIES):
        found = await asyncio.to_thread(api.json, "/api/explain", {"path": path, "name": family})
        theirs = {int(epoch["epoch"], 16): epoch for epoch in (found["node"] or {"epochs": []})["epochs"]}
        if all(number in theirs and theirs[number]["seq"] in one.after for number, one in epochs.items()):
            for number, one in epochs.items():
                compare_epoch(path, family, one, theirs[number], findings)
            return
        await asyncio.sleep(POLL)
    findings.differences.append(f"{path} {family}: the aggregator never stood at a frame that was heard here")


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


def _print(findings: Findings, status: Mapping[str, Any]) -> None:
    for difference in findings.differences[:SHOWN]:
        print(difference)
    if len(findings.differences) > SHOWN:
        print(f"... and {len(findings.differences) - SHOWN} more")
    if findings.silent:
        print(f"no keyframe came from {', '.join(findings.silent[:SHOWN])}")
    verdict = "equal" if findings.equal else "NOT EQUAL"
    print(f"{verdict}: {findings.values} values of {findings.nodes} nodes, {len(findings.differences)} differences")
    sequences = ", ".join(f"{stream['name']} {stream['sequence']}" for stream in status["streams"])
    print(f"coverage: {show_coverage(status['coverage']['nodes'], Paint())}; stream sequences {sequences}")
