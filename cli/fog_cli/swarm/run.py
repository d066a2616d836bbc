"""The work of `fog swarm`: start the processes, say how they do, and hold their books against the aggregator's."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

from fog_cli.actions import books
from fog_cli.api import Api
from fog_cli.bus import connected_link
from fog_cli.commands.trial.swarm import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.logs import LogSettings, set_up_logging
from fog_cli.service import run_service
from fog_cli.swarm.child import Child
from fog_cli.swarm.families import MOST_SERIES
from fog_cli.swarm.plan import Plan, tree_path
from fog_cli.swarm.writers import Chances
from fog_schema.errors import PathError
from fog_schema.paths import Path, format_path, parse_path
from fog_schema.subjects import Subjects
from fog_testing.waiting import eventually

MOST_NODES: Final = 1_000_000
LEAST_BRANCHING: Final = 4
END_SECONDS: Final = 90.0
READING_SECONDS: Final = 900.0
"""Seconds that an aggregator has to read what was sent, as long as it gets on; it shares the machine with the nodes."""
SHOW_SECONDS: Final = 5.0
MINUTE: Final = 60.0
_POLL: Final = 0.25
SUMMED: Final = ("frames", "keyframes", "lost", "restarted", "ended", "acked", "repeated", "dropped", "cpu_seconds")


def swarm(settings: Settings) -> int:
    """Run a swarm to its end; 0 when every count was conserved.

    Raises:
        UsageError: for options that cannot be.
        CommandError: when there is no server or no aggregator, or a process ended by itself.
    """
    _check(settings)
    set_up_logging(LogSettings(level="error"))
    return run_service(lambda stop: _Swarm(settings).run(stop), drain=END_SECONDS + READING_SECONDS)


def _check(settings: Settings) -> None:
    if not 1 <= settings.fleet.nodes <= MOST_NODES or not 1 <= settings.fleet.series <= MOST_SERIES:
        raise UsageError(f"--nodes must be 1 to {MOST_NODES:,} and --series 1 to {MOST_SERIES:,}")
    if settings.fleet.branching < LEAST_BRANCHING:
        raise UsageError(f"--branching must be {LEAST_BRANCHING} or more, not {settings.fleet.branching}")
    if not 1 <= settings.processes <= settings.connections:
        raise UsageError("--processes must be 1 or more, and --connections at least as many")
    for name in ("churn", "restarts", "losses"):
        if (percent := getattr(settings.faults, name)) > 100:
            raise UsageError(f"--{name} is a percentage: {percent} is more than 100")
    try:
        Subjects(settings.fleet.prefix)
        root = parse_path(settings.fleet.path) if settings.fleet.path else ("swarm",)
        parse_path(format_path(tree_path(root, settings.fleet.nodes - 1, settings.fleet.branching)))
    except PathError as error:
        raise UsageError(f"--path, --prefix or --branching: {error}") from None


class _Swarm:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root: Path = (
            parse_path(settings.fleet.path) if settings.fleet.path else (f"swarm-{secrets.token_hex(4)}",)
        )
        self._seed = secrets.randbits(32) if settings.faults.seed is None else settings.faults.seed
        self._api = Api(settings.api.url)
        self._began = 0.0

    async def run(self, stop: asyncio.Event) -> int:
        """Live until told to stop, or the time is over; then compare."""
        settings = self._settings
        async with connected_link(settings.nats, "fog swarm"):
            pass  # better to know now than in each process
        if not settings.no_check:
            await asyncio.to_thread(self._api.get, "/-/healthy")
        self._say(
            f"{settings.fleet.nodes:,} nodes x {settings.fleet.series:,} series at {format_path(self._root)}, each"
            f" {settings.fleet.interval:g} s, {settings.processes} processes, {settings.connections} connections,"
            f" seed {self._seed}"
        )
        children = [Child.start(plan) for plan in self._plans()]
        try:
            self._began = time.monotonic()
            await self._live(children, stop)
            self._say("stopping: nodes hand over their last counts ...")
            for child in children:
                child.tell()
            await eventually(lambda: all(child.has_ended() for child in children), deadline=END_SECONDS)
        except TimeoutError:
            raise CommandError(f"the nodes did not end within {END_SECONDS:g} s") from None
        finally:
            for child in children:
                child.close()
        return await self._conclude(children)

    def _plans(self) -> list[Plan]:
        settings = self._settings
        an_interval = settings.fleet.interval / MINUTE / 100
        chances = Chances(
            settings.faults.churn * an_interval, settings.faults.restarts * an_interval, settings.faults.losses / 100
        )
        ends = [settings.fleet.nodes * at // settings.processes for at in range(settings.processes + 1)]
        return [
            Plan(
                settings.nats.options("fog swarm"),
                settings.fleet.prefix,
                self._root,
                settings.fleet.branching,
                range(first, end),
                settings.fleet.series,
                settings.fleet.interval,
                settings.connections // settings.processes,
                chances,
                self._seed + number,
            )
            for number, (first, end) in enumerate(pairwise(ends))
            if end > first
        ]

    async def _live(self, children: list[Child], stop: asyncio.Event) -> None:
        settings = self._settings
        end = None if settings.duration is None else self._began + settings.duration
        while True:
            left = SHOW_SECONDS if end is None else min(SHOW_SECONDS, end - time.monotonic())
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await stop.wait()
                    return
            for child in children:
                child.check()
            done = _sum(children)
            if done["refused"] and not done["acked"]:
                raise CommandError(f"nothing is stored: {next(iter(done['refused']))}")
            self._say(_line(done, time.monotonic() - self._began))

    async def _conclude(self, children: list[Child]) -> int:
        counted = books.add([child.report["book"] for child in children])
        result = _sum(children) | {
            "nodes": self._settings.fleet.nodes,
            "path": format_path(self._root),
            "seed": self._seed,
            "seconds": round(time.monotonic() - self._began, 3),
            "all_acknowledged": all(child.report["whole"] for child in children),
        }
        if not self._settings.no_check:
            result["different"], result["unread"] = await self._differences(counted)
            result["conserved"] = not result["different"]
        fine = result["all_acknowledged"] and result.get("conserved", True)
        if self._settings.json:
            print(json.dumps(result | {"counted": counted}))
        else:
            print(_verdict(result, sum(counted.values())))
        return 0 if fine else 1

    async def _differences(self, counted: books.Book) -> tuple[list[str], int]:
        """Wait until the aggregator shows what was counted; return what still differs, and how much is not read yet.

        One that reads is waited for, as it has not seen all.
        """
        began = progressed_at = time.monotonic()
        read = 0
        while True:
            different = books.differences(counted, books.read_exposition(await asyncio.to_thread(self._metrics)))
            position, lag = await asyncio.to_thread(self._reading)
            now = time.monotonic()
            if lag and position > read:
                read, progressed_at = position, now
            if not different or now - progressed_at > END_SECONDS or now - began > READING_SECONDS:
                return different, lag
            await asyncio.sleep(_POLL)

    def _reading(self) -> tuple[int, int]:
        """Return up to where the aggregator has read all streams, and how many messages it has not read."""
        try:
            streams = self._api.json("/api/status")["streams"]
        except CommandError:
            return 0, 0
        return sum(one["sequence"] for one in streams), sum(one["lag"] for one in streams)

    def _metrics(self) -> str:
        try:
            return self._api.get("/metrics", {"path": format_path(self._root)}).decode()
        except CommandError:
            return ""  # not ready, or behind

    def _say(self, text: str) -> None:
        if not self._settings.json:
            print(text, flush=True)


def _sum(children: list[Child]) -> dict[str, Any]:
    """Add up the last reports of all processes."""
    reports = [child.report for child in children]
    refused: Counter[str] = Counter()
    for one in reports:
        refused.update(one.get("refused", {}))
    return {name: sum(one.get(name, 0) for one in reports) for name in SUMMED} | {
        "peak_bytes": sum(one.get("peak_bytes", 0) for one in reports),
        "refused": dict(refused),
    }


def _line(done: Mapping[str, Any], seconds: float) -> str:
    cost = done["cpu_seconds"] / max(1, done["frames"]) * 1e6
    words = [
        f"{seconds:5.0f} s  {done['frames']:,} frames ({done['frames'] / seconds:,.0f}/s, {cost:.0f} µs of CPU each)",
        f"{done['acked']:,} acknowledged",
    ]
    for name, what in (
        ("lost", "lost on purpose"),
        ("restarted", "restarts"),
        ("ended", "ended"),
        ("repeated", "sent again"),
        ("dropped", "intervals left out: this machine is too slow"),
    ):
        if done[name]:
            words.append(f"{done[name]:,} {what}")
    words += [f"{count:,} refused: {text}" for text, count in done["refused"].items()]
    return ", ".join(words)


def _verdict(result: Mapping[str, Any], counted: float) -> str:
    if not result["all_acknowledged"]:
        return "not all frames were acknowledged: nothing can be said of the counts"
    if "conserved" not in result:
        return f"{counted:,} counted, all of it acknowledged"
    if result["conserved"]:
        return f"{counted:,} counted, and the aggregator has all of it: conserved"
    if result["unread"]:
        return f"the aggregator has not read {result['unread']:,} messages: nothing can be said of the counts"
    different = result["different"]
    return f"not conserved: {', '.join(different[:3])}{' and more' if len(different) > 3 else ''} differ"
