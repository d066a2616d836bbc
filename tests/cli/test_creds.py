"""`fog creds` and a real nats-server that knows no user, only the keys that sign them."""

from __future__ import annotations

import json
import os
import signal
import stat
import tempfile
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_bus.ports import Refusal
from fog_cli.credentials.roles import tags_of
from fog_schema.commands import FORGET, Command, encode_command
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.bus.broker import connected
from tests.cli.aggregators import aggregator, shows
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector

DEPLOY = Path(__file__).parents[2] / "deploy"
PATHS = ("fog/0/3", "fog/0/33", "fog/1", "Fog/A_b-C")


def creds(directory: Path, *arguments: str) -> list[str]:
    """Run `fog creds`; return what it prints."""
    done = run("creds", *arguments, "--dir", str(directory))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Provide a directory with the keys of a fleet, and a user of each role."""
    directory = tmp_path / "creds"
    creds(directory, "init")
    creds(directory, "node", *PATHS)
    creds(directory, "branch", "fog/0")
    creds(directory, "operator", "fog/0")
    creds(directory, "aggregator")
    creds(directory, "admin")
    return directory


@pytest.fixture
def server(keys: Path) -> Iterator[NatsServer]:
    """Provide a server with deploy/nats-server-jwt.conf, but for addresses, and the keys; the streams are made."""
    lines = (DEPLOY / "nats-server-jwt.conf").read_text().splitlines()
    kept = [line for line in lines if line.split(":")[0].strip() not in ("listen", "http", "store_dir")]
    relative = os.path.relpath(keys / "resolver.conf", Path(tempfile.gettempdir()) / "server")  # as includes are
    config = "\n".join(kept).replace("creds/resolver.conf", relative)
    with NatsServer(config=config) as running:
        login = ("--creds", str(keys / "admin.creds"), "--inbox-prefix", "_INBOX_ADMIN")
        made = run("streams", "apply", "--nats", running.url, *login)
        assert made.returncode == 0, made.stderr
        yield running


def login(keys: Path, name: str, inbox: str) -> dict[str, str]:
    """Return the options of a credential."""
    return {"creds": str(keys / f"{name}.creds"), "inbox_prefix": inbox}


async def test_a_node_is_itself_alone(keys: Path, server: NatsServer) -> None:
    """It publishes at its own path, whatever its letters, and at no other; commands and totals are others'."""
    for path in PATHS:
        inbox = f"_INBOX_AGENT.{path.replace('/', '.')}"
        options = NatsOptions.parse(server.url, **login(keys, f"node-{path.replace('/', '-')}", inbox))
        collector = TelemetryCollector()
        collector.register_counter("things_total", "Things").increment()
        async with Agent(collector, path=path, options=options, interval=0.1) as agent:
            assert await agent.flush()
    who = login(keys, "node-fog-0-3", "_INBOX_AGENT.fog.0.3")
    async with connected(server.url, **who) as link:
        for subject in ("metrics.fog.0.33", "metrics.fog", "events.fog.1", "control.fog.0.3", "rollups.fog.0"):
            answer = await link.publish(f"fog.v1.{subject}", b"anything", 5)
            assert answer.refusal is Refusal.PERMISSION, subject


async def test_an_aggregator_reads_and_an_operator_commands(keys: Path, server: NatsServer) -> None:
    """With the roles' permissions and no others, and the operator in its own part of the tree."""
    who = login(keys, "node-fog-0-3", "_INBOX_AGENT.fog.0.3")
    collector = TelemetryCollector()
    collector.register_counter("things_total", "Things").increment(3)
    arguments = ("--nats", server.url, "--creds", str(keys / "aggregator.creds"), "--inbox-prefix", "_INBOX_AGG")
    async with (
        Agent(collector, path="fog/0/3", options=NatsOptions.parse(server.url, **who), interval=0.1),
        aggregator(*arguments, "--no-create-streams") as view,
    ):
        await eventually(lambda: shows(view, "things_total 3"), deadline=30)
    async with connected(server.url, **login(keys, "operator-fog-0", "_INBOX_OPERATOR.fog.0")) as link:
        command = encode_command(Command(FORGET))
        answers = [await link.publish(f"fog.v1.control.fog.{last}", command, 5) for last in ("0", "0.3", "1")]
    assert [answer.refusal for answer in answers] == [None, None, Refusal.PERMISSION]
    async with connected(server.url, **login(keys, "branch-fog-0", "_INBOX_BRANCH.fog.0")) as link:
        answer = await link.publish("fog.v1.rollups.fog.1", b"anything", 5)
    assert answer.refusal is Refusal.PERMISSION


async def test_a_node_without_a_parent_is_let_in(
    keys: Path, server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """So is one whose credentials are of a version that knew no parents: of its role it has what its tags fill in."""
    creds(keys, "node", "solo")
    options = NatsOptions.parse(server.url, **login(keys, "node-solo", "_INBOX_AGENT.solo"))
    async with Agent(TelemetryCollector(), path="solo", options=options, interval=0.1) as agent:
        assert await agent.flush()
    assert "permission" not in caplog.text


async def test_a_revoked_credential_is_refused(keys: Path, server: NatsServer) -> None:
    """From the server's reload on; its file is gone, and a new one of the same name is another user."""
    who = login(keys, "node-fog-1", "_INBOX_AGENT.fog.1")
    copy = keys.parent / "stolen.creds"
    copy.write_text((keys / "node-fog-1.creds").read_text())
    creds(keys, "revoke", str(keys / "node-fog-1.creds"))
    os.kill(server.pid, signal.SIGHUP)
    await eventually(lambda: "Reloaded" in server.log_tail())
    collector = TelemetryCollector()
    stolen = NatsOptions.parse(server.url, creds=str(copy), inbox_prefix="_INBOX_AGENT.fog.1")
    async with Agent(collector, path="fog/1", options=stolen, interval=0.1, deadline=2.0) as agent:
        assert not await agent.flush()
    creds(keys, "node", "fog/1")
    async with Agent(collector, path="fog/1", options=NatsOptions.parse(server.url, **who), interval=0.1) as agent:
        assert await agent.flush()


def test_secrets_are_their_owners(keys: Path) -> None:
    """All files but the server's; that one has no seed."""
    for file in keys.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == (0o644 if file.name == "resolver.conf" else 0o600), file
    text = (keys / "resolver.conf").read_text()
    seeds = [file.read_text().strip() for file in keys.glob("*.nk")]
    assert len(seeds) == 10
    assert not [seed for seed in seeds if seed in text]


def test_a_folder_of_before_draws_a_role_that_came_later(keys: Path) -> None:
    """Once, and the server's file has it then; a key of any other role that is gone is an error, and none is drawn."""
    (keys / "role-region.nk").unlink()
    creds(keys, "revoke", str(keys / "node-fog-1.creds"))  # writes the server's file, without that role
    before = (keys / "resolver.conf").read_text()
    creds(keys, "region", "fog/0")
    drawn, after = (keys / "role-region.nk").read_text(), (keys / "resolver.conf").read_text()
    assert len(after) > len(before) + 1000
    creds(keys, "region", "fog/1")
    assert ((keys / "role-region.nk").read_text(), (keys / "resolver.conf").read_text()) == (drawn, after)
    (keys / "role-node.nk").unlink()
    refused = run("creds", "node", "fog/9", "--dir", str(keys))
    assert (refused.returncode, "role-node.nk cannot be read" in refused.stderr) == (1, True)


def test_a_hundred_at_once(tmp_path: Path) -> None:
    """The way from nothing to a fleet: two commands, and the server's."""
    creds(tmp_path / "creds", "init")
    made = creds(tmp_path / "creds", "node", *(f"fog/0/{number}" for number in range(100)))
    assert len(made) == 100
    assert made[7].endswith("node-fog-0-7.creds  --inbox-prefix _INBOX_AGENT.fog.0.7")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["node"], "name the path of the node"),
        (["node", "fog/>"], "fog/>"),
        (["node", "fog.*"], "fog.*"),
        (["node", "a", "b", "--name", "x"], "one name cannot be that of several"),
        (["aggregator", "fog"], "an aggregator has no path"),
        (["init", "fog"], "init takes no path"),
        (["init", "--prefix", "a.>"], "a.>"),
        (["revoke"], "name the files"),
        (["node", "fog/0"], "has no keys: make them with `fog creds init`"),
        (["admin", "--name", "../x"], "the name '../x' is not allowed"),
        (["everybody"], "everybody"),
    ],
)
def test_misuse(tmp_path: Path, arguments: list[str], why: str) -> None:
    """One line, exit code 2, and nothing is written."""
    done = run("creds", *arguments, "--dir", str(tmp_path / "none"))
    assert done.returncode == 2
    assert why in done.stderr
    assert not (tmp_path / "none").exists()


def test_keys_are_never_overwritten(keys: Path) -> None:
    """Nor is a credential; and a file of another fleet is not revoked."""
    assert "has keys already" in run("creds", "init", "--dir", str(keys)).stderr
    assert "exists: revoke it first" in run("creds", "admin", "--dir", str(keys)).stderr
    other = keys.parent / "other"
    creds(other, "init")
    refused = run("creds", "revoke", str(keys / "admin.creds"), "--dir", str(other))
    assert (refused.returncode, "is of another fleet" in refused.stderr) == (1, True)


def test_tags_put_a_path_and_all_above_it_into_the_role() -> None:
    """As subjects have them."""
    assert tags_of(("fog", "0", "3")) == ["path:fog.0.3", "anc:fog", "anc:fog.0", "anc:fog.0.3", "parent:fog.0"]
    assert tags_of(("fog",)) == ["path:fog", "anc:fog"]
    assert tags_of(()) == []


def test_revoking_at_once_forgets_nobody(keys: Path) -> None:
    """Each waits for the other to have written what it knows."""
    creds(keys, "node", *(f"n/{number}" for number in range(12)))
    files = [keys / f"node-n-{number}.creds" for number in range(12)]
    with ThreadPoolExecutor(len(files)) as threads:
        list(threads.map(lambda file: creds(keys, "revoke", str(file)), files))
    assert len(json.loads((keys / "fog.json").read_text())["revoked"]) == len(files)


@pytest.mark.parametrize("claims", [{"sub": "*", "iat": 1}, {"sub": "U" + "A" * 55}, {"iat": 1}])
def test_a_file_of_anothers_making_revokes_nobody(keys: Path, claims: dict[str, Any]) -> None:
    """Nor everybody: `*` in place of a user's key is that, to a server."""
    account = json.loads(urlsafe_b64decode((keys / "admin.creds").read_text().split(".")[1] + "=="))["nats"]
    evil = keys.parent / "evil.creds"
    evil.write_text(f"ey.{urlsafe_b64encode(json.dumps({'nats': account, **claims}).encode()).decode()}.AAAA\n")
    refused = run("creds", "revoke", str(evil), "--dir", str(keys))
    assert (refused.returncode, "is no credentials file" in refused.stderr) == (1, True)
    assert json.loads((keys / "fog.json").read_text())["revoked"] == {}
