"""`fog streams apply` finds streams by what they take, and gives subtrees streams of their own."""

from __future__ import annotations

import pytest

from fog_bus.filters import without
from fog_bus.nats.api import JetStream
from fog_bus.nats.link import Link
from fog_testing.nats_server import NatsServer
from tests.bus.broker import connected, make_stream
from tests.cli.processes import run

BASE = "m.fog.0"


@pytest.mark.parametrize(
    ("taken", "seen", "left"),
    [
        (["m.>"], [], ["m.fog"]),
        (["m.>"], ["m.fog", "m.fog.0", "m.fog.0.1"], ["m.fog"]),
        (["m.>"], ["m.fog.1.a", "m.fog.1.b"], ["m.fog", "m.fog.1", "m.fog.1.>"]),
        (["m.>"], ["m.bar", "m.cat.1"], ["m.fog", "m.bar", "m.bar.>", "m.cat", "m.cat.>"]),
        (["m.fog", "m.fog.>"], ["m.fog.00"], ["m.fog", "m.fog.00", "m.fog.00.>"]),
        (["m.fog.0", "m.fog.0.>", "m.x"], ["m.x"], ["m.x"]),
        (["m.fog", "m.fog.1.>"], ["m.fog.1.2"], ["m.fog", "m.fog.1.>"]),
    ],
)
def test_filters_without_a_subtree(taken: list[str], seen: list[str], left: list[str]) -> None:
    """It is left with the places above, and with those that were seen beside it."""
    assert without(taken, BASE, seen) == left


def test_filters_that_cannot_be_divided() -> None:
    """With a wildcard inside."""
    for taken in ("m.*.0.>", "m.fog.*"):
        with pytest.raises(ValueError, match="cannot be divided"):
            without([taken], BASE, [])


async def subjects_of(link: Link, name: str) -> list[str]:
    """Return the subjects that a stream takes."""
    taken: list[str] = (await JetStream(link).call(f"STREAM.INFO.{name}"))["config"]["subjects"]
    return taken


async def test_a_subtree_gets_streams_of_its_own(fog_nats: NatsServer) -> None:
    """The stream of the whole lets go of it when it may, and of nothing else; twice the same; what differs is said."""
    apply = ("streams", "apply", "--nats", fog_nats.url)
    assert run(*apply).returncode == 0
    async with connected(fog_nats.url) as link:
        for path in ("fog", "fog.0.1", "fog.1.1"):
            assert (await link.publish(f"fog.v1.metrics.{path}", b"x", 5)).stream == "FOG_V1_METRICS"
        dry = run(*apply, "--path", "fog/0", "--dry-run")
        assert "FOG_V1_METRICS: subjects would change from ['fog.v1.metrics.>'] to " in dry.stdout
        assert "FOG_V1_METRICS_fog_0: would be made, for fog.v1.metrics.fog.0, fog.v1.metrics.fog.0.>" in dry.stdout
        refused = run(*apply, "--path", "fog/0")
        assert (refused.returncode, refused.stdout.endswith("--update changes what differs\n")) == (1, True)
        assert await subjects_of(link, "FOG_V1_METRICS") == ["fog.v1.metrics.>"]
        for _ in range(2):
            done = run(*apply, "--path", "fog/0", "--update", "--max-bytes", "2MiB")
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout == "FOG_V1_METRICS_fog_0: fine\nFOG_V1_EVENTS_fog_0: fine\n"
        rest = ["fog.v1.metrics.fog", "fog.v1.metrics.fog.1", "fog.v1.metrics.fog.1.>"]
        assert await subjects_of(link, "FOG_V1_METRICS") == rest
        for path, name in (("fog", ""), ("fog.0", "_fog_0"), ("fog.0.1", "_fog_0"), ("fog.1.1", ""), ("fog.1", "")):
            assert (await link.publish(f"fog.v1.metrics.{path}", b"x", 5)).stream == f"FOG_V1_METRICS{name}"
        assert run(*apply, "--update").returncode == 0
        assert await subjects_of(link, "FOG_V1_METRICS") == rest


async def test_subtrees_first(fog_nats: NatsServer) -> None:
    """The stream of the whole then takes the places above them."""
    apply = ("streams", "apply", "--nats", fog_nats.url)
    for path in ("fog/0", "fog/1"):
        assert run(*apply, "--path", path).returncode == 0
    assert run(*apply).returncode == 0
    async with connected(fog_nats.url) as link:
        assert await subjects_of(link, "FOG_V1_METRICS") == ["fog.v1.metrics.fog"]
        assert await subjects_of(link, "FOG_V1_CONTROL") == ["fog.v1.control.>"]
    part = run(*apply, "--path", "fog")
    assert part.returncode == 1
    assert "parts of fog.v1.metrics.fog.> have streams of their own: FOG_V1_METRICS takes" in part.stderr


@pytest.mark.parametrize("order", [("fog/0", "fog/0/1"), ("fog/0/1", "fog/0")], ids=["outside first", "inside first"])
async def test_a_part_of_a_subtree_gets_streams_of_its_own(fog_nats: NatsServer, order: tuple[str, ...]) -> None:
    """The subtree keeps the rest, and can still be changed; a part that is given up comes back to it."""
    apply = ("streams", "apply", "--nats", fog_nats.url, "--update")
    head = "fog.v1.metrics"
    assert run(*apply).returncode == 0
    async with connected(fog_nats.url) as link:
        for place in ("fog", "fog.0", "fog.0.1.a", "fog.0.2", "fog.1"):
            assert (await link.publish(f"{head}.{place}", b"x", 5)).stream == "FOG_V1_METRICS"
        for path in order:
            done = run(*apply, "--path", path)
            assert done.returncode == 0, done.stdout + done.stderr
        for place, name in (("fog", ""), ("fog.0", "_fog_0"), ("fog.0.1.a", "_fog_0_1"), ("fog.0.2", "_fog_0")):
            assert (await link.publish(f"{head}.{place}", b"x", 5)).stream == f"FOG_V1_METRICS{name}"
        before = await subjects_of(link, "FOG_V1_METRICS_fog_0")
        assert run(*apply, "--path", "fog/0", "--max-age", "1d").stdout.startswith("FOG_V1_METRICS_fog_0: fine\n")
        for name in ("FOG_V1_METRICS_fog_0", "FOG_V1_METRICS"):
            answer = await JetStream(link).call(f"STREAM.INFO.{name}")
            assert answer["config"]["max_age"] == (86_400 if name != "FOG_V1_METRICS" else 3 * 86_400) * 10**9
        assert await subjects_of(link, "FOG_V1_METRICS_fog_0") == before
        await JetStream(link).call("STREAM.DELETE.FOG_V1_METRICS_fog_0_1")
        assert run(*apply, "--path", "fog/0").returncode == 0
        assert await subjects_of(link, "FOG_V1_METRICS_fog_0") == [f"{head}.fog.0", f"{head}.fog.0.>"]


async def test_streams_of_earlier_versions_keep_their_names(fog_nats: NatsServer) -> None:
    """They are applied to where they are, and let go of subtrees as any other."""
    apply = ("streams", "apply", "--nats", fog_nats.url)
    async with connected(fog_nats.url) as link:
        for kind in ("metrics", "events", "rollups", "control"):
            discard = "new" if kind == "control" else "old"
            await make_stream(link, f"FOG_{kind.upper()}", f"fog.v1.{kind}.>", discard=discard)
        done = run(*apply, "--max-age", "1d", "--update")
        old = ["FOG_METRICS", "FOG_EVENTS", "FOG_ROLLUPS", "FOG_CONTROL"]
        assert done.stdout.splitlines() == [f"{name}: fine" for name in (*old, "KV_FOG_V1_LEASES")]
        assert run(*apply, "--path", "fog/0", "--update").returncode == 0
        assert await subjects_of(link, "FOG_METRICS") == ["fog.v1.metrics.fog"]
        assert len(await JetStream(link).streams_of("fog.v1.>")) == 6


async def test_no_stream_is_pointed_at_another_prefix(fog_nats: NatsServer) -> None:
    """Two prefixes that make one name: the second is told, and the first one's stream stays."""
    apply = ("streams", "apply", "--nats", fog_nats.url, "--update")
    assert run(*apply, "--prefix", "a.b").returncode == 0
    done = run(*apply, "--prefix", "a_b")
    assert done.returncode == 1
    assert "the stream A_B_METRICS takes a.b.metrics.>, and is left as it is" in done.stderr
    async with connected(fog_nats.url) as link:
        assert await subjects_of(link, "A_B_METRICS") == ["a.b.metrics.>"]
