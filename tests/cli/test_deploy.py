"""The files in deploy/ are not decoration: each is tried with the program that it is for."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fog_agent import Agent, NatsOptions
from fog_bus.ports import Refusal
from fog_bus.streams import CONTROL, ROLLUPS
from fog_cli.api import Api
from fog_schema.commands import FORGET, Command, encode_command
from fog_schema.frames import FINAL
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.bus.broker import connected
from tests.cli.aggregators import aggregator, shows
from tests.cli.bus import last_frame, make_streams
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMTOOL = shutil.which("promtool")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsServer]:
    """Provide a nats-server with the production configuration, but for addresses, which are the test's own."""
    for user in ("SYS", "ADMIN", "OPERATOR", "AGGREGATOR", "AGGREGATOR_0", "0_3"):
        monkeypatch.setenv(f"FOG_{user}_PASSWORD", f"secret-{user}")
    text = (DEPLOY / "nats-server.conf").read_text()
    with NatsServer(config=re.sub(r"^(listen|http|  store_dir): .*$", "", text, flags=re.MULTILINE)) as running:
        yield running


def node(url: str, path: str) -> Agent:
    """Return an agent with the credentials of fog/0/3, at a path."""
    collector = TelemetryCollector()
    collector.register_counter("things_total", "Things").increment()
    user = {"user": "fog-0-3", "password": "secret-0_3", "inbox_prefix": "_INBOX_AGENT.fog.0.3"}
    return Agent(collector, path=path, options=NatsOptions.parse(url, **user), interval=0.1, deadline=2.0)


async def test_a_node_publishes_as_itself_alone(server: NatsServer) -> None:
    """With the permissions of nats-server.conf an agent at its own path is acknowledged, at another one it is not."""
    await make_streams(server.url, user="admin", password="secret-ADMIN")
    itself, another = node(server.url, "fog/0/3"), node(server.url, "fog/0/4")
    async with itself, another:
        assert await itself.flush()
        assert not await another.flush()
        assert await itself.stop()


async def test_an_aggregator_needs_no_more_than_it_has(server: NatsServer) -> None:
    """With the permissions of its user it reads a node's counts and their past.

    It has every metric that fog_rules.yml asks for, but for those of rollups that it does not publish, of receivers
    that it does not have and of sums at the most, which stand in no answer without one (METRICS.md).
    """
    await make_streams(server.url, user="admin", password="secret-ADMIN")
    async with node(server.url, "fog/0/3") as itself:
        assert await itself.flush()
    options = ["--nats", server.url, "--user", "aggregator", "--inbox-prefix", "_INBOX_AGG", "--no-create-streams"]
    async with aggregator(*options, FOG_NATS_PASSWORD="secret-AGGREGATOR") as view:
        text = await eventually(lambda: shows(view, "things_total 1"))
        api = Api(view.url)
        now = (await asyncio.to_thread(api.json, "/api/status"))["now"]
        past = await asyncio.to_thread(api.json, "/api/at", {"path": "fog", "time": now})
        assert past["metrics"]["things_total"]["value"] == 1
    rules = (DEPLOY / "fog_rules.yml").read_text()
    asked = set(re.findall(r"fog_aggregator_(?!rollup_|notifications_|saturated_sums)\w+", rules))
    assert {name for name in asked if f"# TYPE {name} " not in text} == set()


BRANCH = {"user": "aggregator-fog-0", "password": "secret-AGGREGATOR_0", "inbox_prefix": "_INBOX_BRANCH.fog.0"}


async def test_two_tiers(server: NatsServer) -> None:
    """With branch.toml, root.toml and no more permissions than their users have, a node's count is in the root's total.

    On SIGTERM the branch says its last totals. It cannot speak for another branch.
    """
    for path in ((), ("--path", "fog/0", "--update")):  # the later one lets the first one's streams go of the branch
        made = run(
            "streams", "apply", *path, "--nats", server.url, FOG_NATS_USER="admin", FOG_NATS_PASSWORD="secret-ADMIN"
        )
        assert made.returncode == 0, made.stdout + made.stderr
    login = {"FOG_NATS_URL": server.url, "FOG_NATS_USER": BRANCH["user"], "FOG_NATS_PASSWORD": BRANCH["password"]}
    options = ["--inbox-prefix", BRANCH["inbox_prefix"], "--rollup-interval", "100ms"]
    above = login | {"FOG_NATS_USER": "aggregator", "FOG_NATS_PASSWORD": "secret-AGGREGATOR"}
    async with aggregator("--config", str(DEPLOY / "root.toml"), "--inbox-prefix", "_INBOX_AGG", **above) as root:
        async with (
            node(server.url, "fog/0/3") as itself,
            aggregator("--config", str(DEPLOY / "branch.toml"), *options, **login) as branch,
        ):
            assert await itself.flush()
            await eventually(lambda: shows(branch, "fog_aggregator_rollup_keyframes_total 1"))
            text = await eventually(lambda: shows(root, "things_total 1"))
            assert 'fog_aggregator_nodes{state="live"} 1' in text.splitlines()
        await eventually(lambda: shows(root, 'fog_aggregator_nodes{state="stale"} 1'))
        assert await shows(root, "things_total 1")
    last = await last_frame(server.url, ("fog", "0"), ROLLUPS, user="admin", password="secret-ADMIN")
    assert last.flags & FINAL
    async with connected(server.url, **BRANCH) as link:
        answer = await link.publish("fog.v1.rollups.fog.1", b"anything", 5)
    assert answer.refusal is Refusal.PERMISSION


async def test_nobody_but_the_administrator_makes_streams(server: NatsServer) -> None:
    """The aggregator's user is refused."""
    login = {"FOG_NATS_USER": "aggregator", "FOG_NATS_PASSWORD": "secret-AGGREGATOR"}
    done = run("streams", "apply", "--nats", server.url, "--inbox-prefix", "_INBOX_AGG", **login)
    assert done.returncode == 1
    assert "permission" in done.stderr.lower()


OPERATOR = {"user": "operator", "password": "secret-OPERATOR", "inbox_prefix": "_INBOX_OPERATOR"}
AGGREGATOR = {"user": "aggregator", "password": "secret-AGGREGATOR", "inbox_prefix": "_INBOX_AGG"}
NODE = {"user": "fog-0-3", "password": "secret-0_3", "inbox_prefix": "_INBOX_AGENT.fog.0.3"}


@pytest.mark.parametrize(("who", "permitted"), [(OPERATOR, True), (AGGREGATOR, False), (BRANCH, False), (NODE, False)])
async def test_only_an_operator_commands(server: NatsServer, who: dict[str, str], *, permitted: bool) -> None:
    """A node, and an aggregator, cannot publish a command, not even to its own path."""
    await make_streams(server.url, user="admin", password="secret-ADMIN")
    async with connected(server.url, **who) as link:
        answer = await link.publish("fog.v1.control.fog.0.3", encode_command(Command(FORGET)), 5)
    assert answer.refusal is (None if permitted else Refusal.PERMISSION)
    assert (answer.stream == CONTROL) is permitted


@pytest.mark.parametrize(
    ("who", "refusal"),
    [(AGGREGATOR, Refusal.NO_STREAM), (BRANCH, Refusal.NO_STREAM), (NODE, Refusal.PERMISSION)],
)
async def test_only_aggregators_publish_alerts(server: NatsServer, who: dict[str, str], refusal: Refusal) -> None:
    """No stream has to keep them; a node may not publish them, not even of its own path."""
    async with connected(server.url, **who) as link:
        answer = await link.publish("fog.v1.alerts.fog.0.3", b"{}", 5)
    assert answer.refusal is refusal


@pytest.mark.parametrize("file", ["fog.toml", "branch.toml", "region.toml", "root.toml"])
def test_configuration_is_fine(file: str) -> None:
    """Each passes the check that the first line of fog.toml names."""
    assert run("check", str(DEPLOY / file)).returncode == 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    ("what", "file"),
    [
        ("config", "prometheus.yml"),
        ("config", "docker/prometheus.yml"),
        ("rules", "fog_rules.yml"),
        ("rules", "docker/fog_up.yml"),
    ],
)
def test_prometheus_takes_them(what: str, file: str) -> None:
    """The tool that Prometheus ships has no complaint."""
    subprocess.run([str(PROMTOOL), "check", what, str(DEPLOY / file)], check=True, capture_output=True)
