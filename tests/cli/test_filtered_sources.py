"""Filters over every kind of source of a running agent: what the fleet has, and what it is told of the rest."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.agent.sources.exporters import Exporter, page
from tests.cli.aggregators import aggregator
from tests.cli.bus import with_streams
from tests.cli.processes import ENVIRON, fog
from tests.sources.otlp import requests

KINDS = ("scraped", "filed", "lined", "posted", "told")
"""How the metrics of each kind of source begin."""
RULES = """
metric_relabel_configs = [
    {source_labels = ["__name__"], regex = ".*_debug_total", action = "drop"},
    {source_labels = ["__name__"], regex = "(scraped|filed|lined|posted|told)_.*", action = "keep"},
    {regex = "path", action = "labeldrop"},
    {source_labels = ["zone"], regex = "(eu)-[0-9]", target_label = "zone", replacement = "$1"},
]
aggregate = [{match = "*_users_total", without = ["user"]}]
"""
SERIES: tuple[tuple[str, dict[str, str], int], ...] = (
    ("{}_hits_total", {"path": "/a", "zone": "eu-1"}, 2),
    ("{}_hits_total", {"path": "/b", "zone": "eu-1"}, 3),
    ("{}_users_total", {"user": "ann"}, 4),
    ("{}_users_total", {"user": "bob"}, 5),
    ("{}_debug_total", {}, 7),
    ("other_{}_total", {}, 7),
)
"""Each source counts these, a round after the other: a name, its labels, and how much more."""
SENT = (("{}_hits_total", (("zone", "eu"),), 5), ("{}_users_total", (), 9))
"""The fleet has so much more after each round."""
FILTERED = {"relabel 1 drop": 5, "collision": 5, "aggregate 1": 5}
"""Series that rules kept from being sent on their own, whatever they count; the second one drops the host's too."""


class Places(NamedTuple):
    """Where an agent's sources are."""

    folder: Path
    exporter: Exporter
    scraped: int
    statsd: int
    otlp: int

    def write(self) -> list[str]:
        """Write the agent's files; return its options."""
        sources, filters = self.folder / "sources.toml", self.folder / "filters.toml"
        sources.write_text(
            f'[[scrape]]\nname = "shop"\nurl = "http://127.0.0.1:{self.scraped}/"\ninterval = 0.2\ntimeout = 0.15\n'
            f'[[textfile]]\nname = "scripts"\ndirectory = "{self.folder}"\ninterval = 0.2\n'
            f'[[statsd]]\nname = "apps"\ndialect = "dogstatsd"\nlisten = ["127.0.0.1:{self.statsd}"]\n'
            f'[[otlp]]\nname = "otel"\nlisten = "127.0.0.1:{self.otlp}"\n'
            f'[jobs]\nsocket = "{self.folder}/jobs.sock"\nspool = "{self.folder}/spool"\n'
        )
        filters.write_text(RULES)
        return ["--sources", str(sources), "--filters", str(filters), "--state-dir", f"{self.folder}/state"]

    def show(self, number: int) -> None:
        """Show the totals after so many rounds, as a target and as a file."""
        self.exporter.answer = page(text_of("scraped", number))
        (self.folder / "new").write_text(text_of("filed", number))
        (self.folder / "new").rename(self.folder / "jobs.prom")

    def send(self, began: int) -> None:
        """Send a round to the sources that take what programs send."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for name, labels, count in series_of("lined"):
                tags = ",".join(f"{label}:{text}" for label, text in labels.items())
                sock.sendto(f"{name}:{count}|c|#{tags}".encode(), ("127.0.0.1", self.statsd))
        request = requests.request()
        metrics = requests.resource(request)
        for name, labels, count in series_of("posted"):
            requests.total(
                metrics, name, count, attributes=labels, temporality=requests.DELTA, start=began, time=began + 1
            )
        kind = {"Content-Type": "application/x-protobuf"}
        post = urllib.request.Request(f"http://127.0.0.1:{self.otlp}/v1/metrics", request.SerializeToString(), kind)
        urllib.request.urlopen(post, timeout=20).close()
        environ = ENVIRON | {"FOG_SOCKET": f"{self.folder}/jobs.sock", "FOG_SPOOL": f"{self.folder}/spool"}
        emit = [sys.executable, "-m", "fog_cli", "emit", "-"]
        subprocess.run(emit, input=text_of("told", 1), text=True, env=environ, check=True, timeout=60)


def series_of(kind: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """Yield what a source counts in a round."""
    return ((name.format(kind), labels, count) for name, labels, count in SERIES)


def text_of(kind: str, rounds: int) -> str:
    """Write the totals of a source after so many rounds."""
    lines = []
    for name, labels, count in series_of(kind):
        inner = ",".join(f'{label}="{text}"' for label, text in labels.items())
        lines.append(f"{name}{{{inner}}} {count * rounds}\n")
    return "".join(lines)


def read(text: str | None) -> tuple[dict[str, dict[tuple[tuple[str, str], ...], float]], dict[str, float]]:
    """Return the counters of sources by name and labels, and what was filtered by rule."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    filtered: dict[str, float] = {}
    for family in text_string_to_metric_families(text or ""):
        for sample in family.samples:
            labels = {
                label: one for label, one in sample.labels.items() if label not in {"job", "fog_path", "fog_level"}
            }
            if any(kind in sample.name for kind in KINDS) and sample.name.endswith("_total"):
                found.setdefault(sample.name, {})[tuple(sorted(labels.items()))] = sample.value
            elif sample.name == "fog_agent_series_filtered_total" and sample.value:
                filtered[labels["rule"]] = sample.value
    return found, filtered


def expected(rounds: int) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return what the fleet has after so many rounds."""
    return {name.format(kind): {labels: count * rounds} for kind in KINDS for name, labels, count in SENT}


async def test_a_fleet_has_what_filters_leave_of_all_kinds_of_sources(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Dropped, kept, renamed and added up; a collision is told and added; further samples are judged by no rule."""
    url = await asyncio.to_thread(with_streams, fog_nats.url)
    exporter = Exporter(page(""))
    with exporter.listening() as scraped:
        places = Places(tmp_path, exporter, scraped, free_port(), free_port())
        places.show(0)
        arguments = ["--path", "fog/0", "--nats", url, "--interval", "200ms", *places.write()]
        async with aggregator("--nats", url) as view:
            with fog("agent", *arguments) as agent:

                async def is_sent(rounds: int) -> bool:
                    found, filtered = read(await view.metrics())
                    here = found == {name: one for name, one in expected(rounds).items() if rounds or name[0] in "sf"}
                    return here and (not rounds or FILTERED.items() <= filtered.items())

                await eventually(lambda: is_sent(0), deadline=60, what="the baselines are read")
                for rounds in (1, 2, 3):
                    places.show(rounds)
                    await asyncio.to_thread(places.send, rounds)
                    await eventually(partial(is_sent, rounds), deadline=60, what=f"the fleet has round {rounds}")
                agent.terminate()
                _, errors = await asyncio.to_thread(agent.communicate, timeout=30)
                assert agent.returncode == 0
    for kind in KINDS:
        assert errors.count(f"rules take labels away from {kind}_hits_total by which alone its series are told") == 1
