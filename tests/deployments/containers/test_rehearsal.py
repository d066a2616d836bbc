"""All programs of the compose file, and of the manifests, do together what they are there for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from fog_cli.api import Api
from fog_cli.errors import CommandError
from fog_testing.waiting import eventually
from tests.cli.aggregators import free_address
from tests.cli.processes import run
from tests.deployments.containers.programs import of_container, of_service
from tests.deployments.containers.rehearsal import Stage, stage
from tests.deployments.containers.sources import compose, containers, instructions, services

OFTEN = {"FOG_INTERVAL": "1s"}
"""Of agents here: nobody waits for them."""


def place_secrets(on: Stage) -> None:
    """Have the compose file's secrets where they are made."""
    for name, secret in compose()["secrets"].items():
        on.places[f"/run/secrets/{name}"] = str(on.directory / "creds" / Path(secret["file"]).name)


def healthy(address: str) -> bool:
    """Ask as the HEALTHCHECK of the aggregator's image does."""
    (asked,) = (rest for word, rest in instructions() if word == "HEALTHCHECK" and rest != "NONE")
    python, *words = json.loads(asked.partition("CMD ")[2])
    assert python == "python"
    words = [word.replace("127.0.0.1:10364", address) for word in words]
    return subprocess.run([sys.executable, *words], check=False, capture_output=True, timeout=30).returncode == 0


async def test_the_compose_file(tmp_path: Path) -> None:
    """The administrator makes the streams; then two agents are live in the numbers of both aggregators."""
    with stage(tmp_path, {"node-fog-0-0": "fog/0/0", "node-fog-0-1": "fog/0/1"}) as on, ExitStack() as stack:
        place_secrets(on)
        addresses = {name: free_address() for name in ("aggregator-0", "aggregator-1")}
        on.places |= {f"http://{name}:10364": f"http://{address}" for name, address in addresses.items()}
        programs = {name: of_service(name, services()[name]) for name in ("streams", *addresses, "agent-0", "agent-1")}
        on.complete(programs["streams"])
        for name, address in addresses.items():
            on.starts(programs[name], name, stack, FOG_LISTEN=address)
        on.starts(programs["agent-0"], "agent-0", stack, FOG_HOST_ROOT=str(tmp_path / "host"), **OFTEN)
        on.starts(programs["agent-1"], "agent-1", stack, **OFTEN)
        for address in addresses.values():
            await answers(address, "", 2)


async def answers(address: str, login: str, number: int) -> None:
    """Wait until an aggregator shows so many nodes, and is ready: to ask for that starts a process each time."""
    await eventually(lambda: asyncio.to_thread(shows_nodes, address, login, number), deadline=60)
    await eventually(lambda: asyncio.to_thread(healthy, address), deadline=60)


def shows_nodes(address: str, login: str, number: int) -> bool:
    """Tell whether an aggregator has so many live nodes, and the machine's load."""
    try:
        lines = Api(f"http://{login}{address}").get("/metrics").decode().splitlines()
    except CommandError:
        return False
    loads = any(line.startswith("node_load1") for line in lines)
    return loads and f'fog_aggregator_nodes{{state="live"}} {number}' in lines


async def test_the_manifests(tmp_path: Path) -> None:
    """The job, an aggregator and the agent of a machine with dots in its name do the same, for who has a token.

    Then the other one of the pair, which has no state, begins with the first one's checkpoint.
    """
    node, token = "ip-10-0-0-1.ec2.internal", "ip-10-0-0-1-ec2-internal"
    found = {one["name"]: of_container(one, node) for _, one in containers() if one["image"].startswith("fog-")}
    with stage(tmp_path, {token: f"fog/k8s/{token}"}) as on, ExitStack() as stack:
        on.places |= {
            "/etc/fog/agent.creds": str(tmp_path / "creds" / f"{token}.creds"),
            "/etc/fog/http/http.tokens": str(tmp_path / "http.tokens"),
            "/host": str(tmp_path / "host"),
        }
        tokens = [run("token", name, "--file", str(tmp_path / "http.tokens")) for name in ("prometheus", "bootstrap")]
        login, bootstrap = f"prometheus:{tokens[0].stdout.strip()}@", tokens[1].stdout.strip()
        on.complete(found["streams"])
        address = free_address()
        on.places["http://bootstrap:secret-bootstrap.token@fog.fog:10364"] = f"http://bootstrap:{bootstrap}@{address}"
        on.starts(found["aggregator"], "aggregator", stack, FOG_LISTEN=address, FOG_CHECKPOINT_INTERVAL="1s")
        on.starts(found["agent"], "agent", stack, **OFTEN)
        await answers(address, login, 1)
        assert not await asyncio.to_thread(shows_nodes, address, "", 1)
        state, other = tmp_path / "state-aggregator", free_address()
        await eventually(lambda: any(state.glob("checkpoint-*.fog")), deadline=60)
        on.starts(found["aggregator"], "aggregator-1", stack, FOG_LISTEN=other)
        await answers(other, login, 1)
        assert "going on from the checkpoint of" in (tmp_path / "aggregator-1.log").read_text()
