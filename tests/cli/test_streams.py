"""`fog streams` against a real server."""

from __future__ import annotations

import asyncio
import re
from functools import partial

import numpy as np
import pytest

from fog_bus.nats.api import JetStream
from fog_bus.streams import METRICS
from fog_cli.commands.streams import Plan
from fog_cli.swarm.families import Families
from fog_cli.swarm.stream_plan import stored_sizes
from fog_cli.swarm.writers import Chances, Writer, Writers
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from tests.bus.broker import connected
from tests.cli.bus import make_streams
from tests.cli.processes import run


def test_apply(fog_nats: NatsServer) -> None:
    """Creates; finds them fine; reports what differs and leaves it; changes it when asked to."""
    fine = "FOG_V1_METRICS: fine\nFOG_V1_EVENTS: fine\nFOG_V1_ROLLUPS: fine\nFOG_V1_CONTROL: fine\n"
    fine += "KV_FOG_V1_LEASES: fine\n"
    for _ in range(2):
        done = run("streams", "apply", "--nats", fog_nats.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, fine, "")
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-age", "1d")
    assert done.returncode == 1
    assert "FOG_V1_METRICS: max_age is " in done.stdout
    assert done.stdout.endswith("--update changes what differs\n")
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-age", "1d", "--update")
    assert (done.returncode, done.stdout) == (0, fine)


async def test_a_bucket_of_another_tool_is_fine(fog_nats: NatsServer) -> None:
    """As `nats kv add` makes one, which the documents asked for once; what breaks a lease is told all the same."""
    tool = {"discard": "new", "allow_msg_ttl": True, "allow_rollup_hdrs": True, "deny_delete": True, "max_age": 0}
    made = {"name": "KV_FOG_V1_LEASES", "subjects": ["$KV.FOG_V1_LEASES.>"], "max_msgs_per_subject": 5, **tool}
    apply = partial(asyncio.to_thread, run, "streams", "apply", "--nats", fog_nats.url)
    async with connected(fog_nats.url) as link:
        await JetStream(link).call("STREAM.CREATE.KV_FOG_V1_LEASES", made)
        await apply()
        for more in (["--dry-run"], ["--update"]):
            done = await apply(*more)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.endswith("KV_FOG_V1_LEASES: fine\n")
        await JetStream(link).call("STREAM.UPDATE.KV_FOG_V1_LEASES", made | {"no_ack": True})
        assert "KV_FOG_V1_LEASES: no_ack is True and should be False" in (await apply()).stdout
        assert (await apply("--update")).returncode == 0


def test_fairness_is_an_option(fog_nats: NatsServer) -> None:
    """It is asked for, and then streams that have none are not as they should be; those of one writer are as before."""
    assert run("streams", "apply", "--nats", fog_nats.url).returncode == 0
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-per-subject", "1000")
    assert done.stdout.splitlines() == [
        "FOG_V1_METRICS: max_msgs_per_subject is -1 and should be 1000",
        "FOG_V1_EVENTS: max_msgs_per_subject is -1 and should be 1000",
        "FOG_V1_ROLLUPS: fine",
        "FOG_V1_CONTROL: fine",
        "KV_FOG_V1_LEASES: fine",
        "--update changes what differs",
    ]
    assert run("streams", "apply", "--nats", fog_nats.url, "--max-per-subject", "1000", "--update").returncode == 0
    assert run("streams", "apply", "--nats", fog_nats.url, "--max-per-subject", "-1").returncode == 2


def test_only_what_is_named_is_changed(fog_nats: NatsServer) -> None:
    """A size, an age and limits that the owner chose stay as they are, whatever else is asked for."""
    first = ("--max-bytes", "2MiB", "--max-age", "2d", "--max-per-subject", "50")
    assert run("streams", "apply", "--nats", fog_nats.url, *first).returncode == 0
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-age", "1d", "--dry-run")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        "FOG_V1_METRICS: max_age would change from 172800000000000 to 86400000000000",
    )
    assert "--update" not in done.stdout
    assert run("streams", "apply", "--nats", fog_nats.url, "--max-age", "1d", "--update").returncode == 0
    kept = ("--max-bytes", "2MiB", "--max-age", "1d", "--max-per-subject", "50")
    assert run("streams", "apply", "--nats", fog_nats.url, *kept).returncode == 0


def test_a_dry_run_makes_nothing(fog_nats: NatsServer) -> None:
    """It says what it would make, twice the same; the path that agents and aggregators have is none of its business."""
    for path in ("", "fog/0"):
        done = run("streams", "apply", "--nats", fog_nats.url, "--dry-run", FOG_PATH=path)
        assert done.returncode == 1
        lines = done.stdout.splitlines()
        assert lines[0] == "FOG_V1_METRICS: would be made, for fog.v1.metrics.>"
        assert lines[-1] == "KV_FOG_V1_LEASES: would be made, for $KV.FOG_V1_LEASES.>"


def test_a_plan_says_what_is_needed() -> None:
    """Frames, bytes, the size for an age, and the age for a size; with no server."""
    done = run("streams", "plan", "--nodes", "20000", "--series", "100", "--interval", "10s", "--retention", "3d")
    assert (done.returncode, done.stderr) == (0, "")
    assert "20,000 nodes x 100 series each 10s: 2,000 frames/s, 200,000 values/s" in done.stdout
    size = done.stdout.partition("--max-bytes ")[2].split()[0]
    kept = run("streams", "plan", "--nodes", "20000", "--series", "100", "--max-bytes", size, "--replicas", "3")
    assert f"{size.removesuffix('GiB')}.0 GiB keeps 3d, and the same on each of 3 servers" in kept.stdout
    short = run("streams", "plan", "--nodes", "20000", "--series", "100", "--max-bytes", "10GiB")
    assert re.search(r"^FOG_V1_METRICS: 10.0 GiB keeps \d+m$", short.stdout, re.MULTILINE), "no seconds of hours"
    assert run("streams", "plan", "--series", "0").returncode == 2


async def test_a_plan_is_what_a_server_stores(fog_nats: NatsServer) -> None:
    """The bytes of a stream, to a hundredth."""
    plan = Plan(nodes=1, series=100, interval=10.0)
    sizes = stored_sizes(plan, Subjects())
    writers = Writers(Families(100), 1, 10.0, Chances(), np.random.default_rng(5))
    node = Writer(("fog",), 0, Subjects().metrics(("fog",)))
    writers.begin(node, 0.0)
    await make_streams(fog_nats.url)
    async with connected(fog_nats.url) as link:
        for at in range(1, 101):
            [(_, frame)] = writers.interval([node], at * 10.0)
            writers.acknowledged(node)
            assert (await link.publish(node.subject, frame, 10)).stream == METRICS
        info = await JetStream(link).call(f"STREAM.INFO.{METRICS}")
    assert info["state"]["bytes"] == pytest.approx(sizes.keyframe + 99 * sizes.delta, rel=0.01)


def test_what_the_server_refuses(fog_nats: NatsServer) -> None:
    """Its own words, on one line."""
    done = run("streams", "apply", "--nats", fog_nats.url, "--replicas", "3")
    assert done.returncode == 1
    assert done.stderr.startswith("fog streams: FOG_V1_METRICS: replicas > 1 not supported")
    assert done.stderr.count("\n") == 1


def test_no_server() -> None:
    """Says which one was tried."""
    done = run("streams", "apply", "--nats", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("fog streams: no NATS server answers at nats://127.0.0.1:1: ")
