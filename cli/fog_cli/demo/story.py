"""`fog demo --story`: a branch dies, one node's errors rise, one node ends in good order.

A small tree of real agents in this process, a real nats-server, and an aggregator that evaluates three rules. All that
its alerts do is printed as it happens, and held against what must happen: the dead branch is one alert, however many
nodes it has, the node with errors is one, and the node that ended is none. All of them are over at the end. The page of
the aggregator shows the same: its address is the first line.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fog_bus.nats.options import NatsOptions
from fog_bus.options.kinds import Address, show_address
from fog_cli.api import Api
from fog_cli.demo.addresses import start_listening
from fog_cli.demo.processes import Child
from fog_cli.demo.screen import Screen
from fog_cli.demo.story_nodes import INTERVAL, StoryNode
from fog_cli.errors import CommandError
from fog_testing.nats_server import NatsServer, NatsServerError

SECONDS: Final = 120.0
SHORTEST: Final = 30.0
DEAD, FAILING, LEAVING = "fog/1", "fog/0/b", "fog/0/c"
PATHS: Final = tuple(f"fog/{branch}/{name}" for branch in (0, 1) for name in "abcd")
RULES: Final = """
groups:
  - name: story
    interval: 1s
    rules:
      - alert: FogBranchSilent
        expr: fog_aggregator_silent{fog_kind="subtree"} > 0
        for: 2s
        labels: {severity: critical}
        annotations: {title: Branch silent, summary: "All under {{ $labels.fog_path }} is silent: {{ $value }} nodes"}
      - alert: FogNodesSilent
        expr: fog_aggregator_silent{fog_kind=~"node|scattered"} > 0
        for: 5s
        labels: {severity: warning}
        annotations: {title: Nodes silent, summary: "{{ $value }} nodes are silent at or under {{ $labels.fog_path }}"}
      - alert: NodeErrors
        expr: error_ratio{fog_level="2"} > 0.1
        for: 2s
        labels: {severity: warning}
        annotations:
          title: Errors rise
          summary: "{{ $value | humanizePercentage }} of the requests at {{ $labels.fog_path }} fail"
"""
"""The shipped rules of nodes with shorter patience, and one of a user's own."""
MUST: Final = (
    ("firing", "FogBranchSilent", DEAD),
    ("firing", "NodeErrors", FAILING),
    ("resolved", "FogBranchSilent", DEAD),
    ("resolved", "NodeErrors", FAILING),
)
"""All that must be told, whatever the order."""


@dataclass(slots=True)
class _Alerts:
    """The alerts that fire, and what became of them, in order."""

    firing: Mapping[tuple[str, str], str] = field(default_factory=dict)
    reported: list[tuple[str, str, str]] = field(default_factory=list)

    def look(self, listed: Sequence[Mapping[str, Any]]) -> list[str]:
        """Compare with what fires now; return a line for each change."""
        now = {
            (alert["labels"]["alertname"], alert["labels"].get("fog_path", "")): alert["annotations"]["summary"]
            for alert in listed
            if alert["state"] == "firing"
        }
        begun = [("firing", *key, text) for key, text in now.items() if key not in self.firing]
        ended = [("resolved", *key, text) for key, text in self.firing.items() if key not in now]
        self.firing = now
        self.reported += [(what, name, path) for what, name, path, _ in begun + ended]
        return [f"{what:<8} {name} {path}: {text}" for what, name, path, text in begun + ended]


class Story:
    """One telling.

    Args:
        seconds: How long it takes; the moments are shares of it.
        listen: The aggregator's address, if it is to be a certain one.
        screen: Takes the lines.
    """

    def __init__(self, seconds: float, listen: Address | None, screen: Screen) -> None:
        self._seconds = seconds
        self._listen = listen
        self._screen = screen
        self._nodes: dict[str, StoryNode] = {}
        self._alerts = _Alerts()
        self._began = time.monotonic()

    async def tell(self, stop: asyncio.Event, directory: Path, *, as_json: bool) -> int:
        """Play it, and say whether all went as it must; 0 when it did.

        Raises:
            CommandError: A part does not start.
        """
        async with AsyncExitStack() as stack:
            try:
                server = await stack.enter_async_context(NatsServer())
            except NatsServerError as error:
                raise CommandError(str(error)) from None
            try:
                aggregator, url = await self._start(server.url, directory, stack)
                await self._tell(stop, aggregator, Api(url), linger=not as_json)
            finally:
                await asyncio.gather(*(node.stop() for node in self._nodes.values()))
        return self._conclude(stopped=stop.is_set(), as_json=as_json)

    def _conclude(self, *, stopped: bool, as_json: bool) -> int:
        """Say whether all went as it must; a story that somebody stopped may lack its end."""
        missing = [one for one in MUST if one not in self._alerts.reported]
        others = [one for one in self._alerts.reported if one not in MUST]
        if as_json:
            print(json.dumps({"reported": self._alerts.reported, "missing": missing, "unexpected": others}))
        if missing and stopped:
            self._screen.say("\nstopped before the story was over")
            missing = []
        elif not (missing or others):
            self._screen.say("\nas it must be: one alert for the branch, one for the node, none for the one that ended")
        for what, found in (("never reported", missing), ("reported for nothing", others)):
            for one in found:
                self._screen.say(f"but {what}: {' '.join(one)}")
        return 1 if missing or others else 0

    async def _start(self, servers: str, directory: Path, stack: AsyncExitStack) -> tuple[Child, str]:
        """Start all of it; return the aggregator, and its address."""
        rules = directory / "story.yml"
        rules.write_text(RULES)
        arguments = ["aggregator", "--rules", str(rules)]
        arguments += ["--state-dir", str(directory / "state"), "--history-step", "1s"]  # what rules see is as old

        async def start(listen: Address) -> Child:
            words = [*arguments, "--listen", show_address(listen)]
            return await Child.start(words, {"FOG_NATS_URL": servers}, directory)

        child, listen = await start_listening(self._listen, start)
        stack.push_async_callback(child.stop)
        url = f"http://{show_address(listen)}"
        self._screen.invite(url)
        self._screen.say(
            f"Within {self._seconds:g} s a branch dies, errors rise at one node, and one ends in good order."
        )
        self._screen.say("Ctrl-C stops it.\n")
        options = NatsOptions.parse(servers, name="fog demo")
        for path in PATHS:
            node = self._nodes[path] = StoryNode.at(path, options)
            node.connect()
            await node.agent.start()
        return child, url

    async def _tell(self, stop: asyncio.Event, aggregator: Child, api: Api, *, linger: bool) -> None:
        try:
            await self._play(stop, api, linger=linger)
        except CommandError:
            await aggregator.explain()
            raise

    async def _play(self, stop: asyncio.Event, api: Api, *, linger: bool) -> None:
        """Do what the story says at its moments, and look at the alerts in between; `linger` until its time is over."""
        self._began = time.monotonic()
        chapters = [
            (0.15, f"power fails under {DEAD}: its four nodes are gone", self._power_fails),
            (0.30, f"version 2.4.1 is deployed at {FAILING}, and errors rise there", self._errors_rise),
            (0.40, f"{LEAVING} ends in good order, as in a scale-down", self._one_ends),
            (0.60, f"power is back under {DEAD}", self._power_is_back),
            (0.70, f"{FAILING} is repaired", self._errors_end),
        ]
        while not stop.is_set() and (at := (time.monotonic() - self._began) / self._seconds) < 1.0:
            while chapters and chapters[0][0] <= at:
                _, text, happens = chapters.pop(0)
                self._say(text)
                await happens()
            for line in self._alerts.look((await asyncio.to_thread(api.json, "/api/v1/alerts"))["data"]["alerts"]):
                self._say(f"  {line}")
            if not (linger or chapters) and all(one in self._alerts.reported for one in MUST):
                break
            for node in self._nodes.values():
                node.work()
            await asyncio.sleep(INTERVAL)

    def _say(self, text: str) -> None:
        self._screen.say(f"+{time.monotonic() - self._began:5.1f} s  {text}")

    async def _power_fails(self) -> None:
        await asyncio.gather(*(node.cut() for path, node in self._nodes.items() if path.startswith(DEAD)))

    async def _power_is_back(self) -> None:
        for path, node in self._nodes.items():
            if path.startswith(DEAD):
                node.connect()

    async def _errors_rise(self) -> None:
        node = self._nodes[FAILING]
        node.collector.record_event("deployed", labels={"version": "2.4.1"})
        node.ratio.set(0.25)

    async def _errors_end(self) -> None:
        self._nodes[FAILING].ratio.set(0.0)

    async def _one_ends(self) -> None:
        await self._nodes.pop(LEAVING).stop()
