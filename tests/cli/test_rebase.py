"""`fog rebase` puts its command into the stream of commands."""

from __future__ import annotations

from fog_testing.nats_server import NatsServer
from tests.cli.bus import make_streams
from tests.cli.processes import run


async def test_the_command_is_stored(fog_nats: NatsServer) -> None:
    """It says when it is done, and for whom it counts twice."""
    await make_streams(fog_nats.url)
    done = run("rebase", "fog/0", "--why", "both lost their disks", "--nats", fog_nats.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fog/0 counts on as soon as aggregators read this" in done.stdout
    assert "count twice" in done.stdout


def test_it_says_why() -> None:
    """One line says what to write."""
    done = run("rebase", "fog/0", "--why", " ")
    assert done.returncode == 2
    assert "say why" in done.stderr
    assert "Traceback" not in done.stderr
