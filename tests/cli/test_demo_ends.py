"""How the demo ends when something is in its way: nothing of it is left, and one line says what to do."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest

from fog_bus.options.kinds import Address
from fog_cli.api import Api
from fog_cli.demo import addresses
from fog_cli.demo.processes import Child
from fog_cli.errors import CommandError
from fog_testing.ports import free_port
from fog_testing.waiting import wait_until
from tests.cli.aggregators import free_address
from tests.cli.processes import children_of, command_of, fog, is_alive, run

SMALL = ("--depth", "2", "--branching", "2", "--interval", "100ms", "--json")
STOPS = """#!/usr/bin/env python3
import os, socket, sys
sys.stderr.write("no room here\\n")
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"STOPPING=1", os.environ["NOTIFY_SOCKET"])
sys.exit(1)
"""


def test_killed_it_leaves_nobody_behind() -> None:
    """nats-server, aggregator, agent and all their files are gone soon after a SIGKILL of the demo."""
    with TemporaryDirectory() as short, fog("demo", *SMALL, TMPDIR=short) as process:
        children = wait_until(
            lambda: found if len(found := children_of(process.pid)) > 3 else [], deadline=60, what="its processes"
        )
        process.kill()
        process.wait()
        assert list(Path(short).iterdir())
        wait_until(lambda: not [pid for pid in children if is_alive(pid)], deadline=60, what="its processes' end")
        assert not list(Path(short).iterdir())


def test_where_no_socket_can_be_made(tmp_path: Path) -> None:
    """The path of a unix socket is short: the one line says so, and what to do."""
    long = tmp_path / ("long" * 15)
    long.mkdir()
    done = run("demo", *SMALL, "--listen", free_address(), TMPDIR=str(long))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert str(long) in done.stderr
    assert "set TMPDIR to one of at most 60 bytes" in done.stderr


@pytest.mark.parametrize("what", [SMALL, ("--story",)], ids=["demo", "story"])
def test_without_its_aggregator_it_ends(what: tuple[str, ...]) -> None:
    """In one line, and soon: nobody waits for the last frame of each node."""
    address = free_address()
    with fog("demo", *what, "--listen", address) as process:
        wait_until(lambda: places_at(address), deadline=60, what="its first nodes")
        [aggregator] = [pid for pid in children_of(process.pid) if b"\0aggregator\0" in command_of(pid)]
        os.kill(aggregator, signal.SIGKILL)
        _, err = process.communicate(timeout=40)
    assert (process.returncode, err) == (1, "fog demo: fog aggregator was ended by SIGKILL\n")


def test_where_nobody_reads_it_ends() -> None:
    """As in a pipe to `head`, or under `make` when the window is closed: nothing signals it then."""
    with fog("demo", *SMALL[:-1], "--listen", free_address()) as process:
        assert process.stdout is not None
        while "Ctrl-C stops it." not in process.stdout.readline():
            assert process.poll() is None
        process.stdout.close()
        assert process.wait(timeout=60) == 0


def places_at(address: str) -> list[str]:
    """List the nodes that an aggregator has; none while it does not answer."""
    try:
        return [node["path"] for node in Api(address).json("/api/nodes")["nodes"]]
    except CommandError:
        return []


def test_an_address_of_somebody_else_is_not_printed() -> None:
    """The one line says what to do: another address."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        done = run("demo", "--listen", f"127.0.0.1:{somebody.getsockname()[1]}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "something listens there already: stop it, or choose another address with --listen" in done.stderr


async def test_who_says_that_it_stops_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that cannot start notifies of that before it ends."""
    program = tmp_path / "program"
    program.write_text(STOPS)
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    with pytest.raises(CommandError, match="fog aggregator ended with code 1: no room here"):
        await Child.start(["aggregator"], {}, tmp_path)


async def test_two_demos_have_an_address_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that finds the usual address free, and taken when it starts, goes to another; other failures are final."""
    monkeypatch.setattr(addresses, "USUAL", ("127.0.0.1", free_port()))
    tried: list[Address] = []
    child = cast("Child", object())
    with contextlib.ExitStack() as stack:

        async def start(address: Address) -> Child:
            tried.append(address)
            if len(tried) == 1:
                stack.enter_context(socket.create_server(address))
                raise CommandError("taken")
            return child

        assert await addresses.start_listening(None, start) == (child, tried[1])
        assert tried[0] == addresses.USUAL
        assert tried[1] != addresses.USUAL

    async def refuse(address: Address) -> Child:
        raise CommandError(f"not at {address}")

    with pytest.raises(CommandError, match="not at"):
        await addresses.start_listening(None, refuse)
