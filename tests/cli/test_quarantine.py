"""`fog quarantine` takes a path out of the numbers of a real aggregator, and in again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fog_agent import Agent
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator, shows
from tests.cli.bus import make_streams
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector


async def test_a_path_is_taken_out_and_in_again(fog_nats: NatsServer) -> None:
    """Its counts leave the total, /api/status and --list say why, and a lift brings them back."""
    await make_streams(fog_nats.url)
    collector = TelemetryCollector()
    collector.register_counter("things_total", "Things").increment(3)
    async with Agent(collector, path="fog/0/3", servers=fog_nats.url, interval=0.1) as agent:
        assert await agent.flush()
        async with aggregator("--nats", fog_nats.url) as view:
            await eventually(lambda: shows(view, "things_total 3"))
            where = ("--nats", fog_nats.url, "--api", view.url)
            done = run("quarantine", "fog/0", "--why", "it lies", *where)
            assert (done.returncode, done.stderr) == (0, "")
            text = await eventually(lambda: shows(view, 'fog_aggregator_nodes{state="quarantined"} 1'))
            assert "things_total 3" not in text.splitlines()
            await eventually(lambda: shows(view, "fog_aggregator_paths_quarantined 1"))  # measured a tick later
            done = run("quarantine", "fog/0", "--lift", *where)
            assert (done.returncode, done.stderr) == (0, "")
            await eventually(lambda: shows(view, "things_total 3"))


async def test_a_mistyped_path_is_told(fog_nats: NatsServer) -> None:
    """The command holds all the same: something may come there."""
    await make_streams(fog_nats.url)
    mistyped = ("quarantine", "fog/1", "--why", "x"), ("forget", "fog/1"), ("silence", "add", "X", "--path", "fog/1")
    async with aggregator("--nats", fog_nats.url) as view:
        await eventually(lambda: shows(view, "fog_aggregator_connected 1"))
        for command in mistyped:
            done = run(*command, "--nats", fog_nats.url, "--api", view.url)
            assert (done.returncode, done.stderr.count("knows nothing at or under fog/1")) == (0, 1), done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "name the path"),
        (("fog/0",), "say why"),
        (("fog/0", "--why", " "), "say why"),
        (("fog/0", "--lift", "--why", "x"), "a lift has none"),
        (("fog/0", "--list"), "--list takes nothing beside it"),
    ],
)
def test_options_that_cannot_work(arguments: tuple[str, ...], what: str) -> None:
    """One line says what to write."""
    done = run("quarantine", *arguments)
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr


def test_the_list_of_an_aggregator_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each path: since when, by whom, why; without any it is said."""
    from fog_cli.actions.quarantine import quarantine
    from fog_cli.api import Api
    from fog_cli.commands.operator.quarantine import Settings

    found: Any = {"quarantined": [{"path": "fog/0", "since": 1.0, "why": "lies", "author": "jo"}]}
    monkeypatch.setattr(Api, "json", lambda *_: json.loads(json.dumps(found)))
    assert quarantine(Settings(list=True)) == 0
    assert capsys.readouterr().out == "fog/0  1970-01-01T00:00:01.000Z  jo  lies\n"
    found["quarantined"] = []
    assert quarantine(Settings(list=True)) == 0
    assert capsys.readouterr().out == "nothing is in quarantine\n"
