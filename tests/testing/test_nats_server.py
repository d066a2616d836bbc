"""The real nats-server as a child: ready when started, faithful to its port and store, never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import nats
import psutil
import pytest

from fog_testing.nats_server import NatsServer, NatsServerError, find_nats_server
from fog_testing.waiting import eventually, wait_until

PARENT = """
import sys
from fog_testing.nats_server import NatsServer
server = NatsServer()
server.start()
print(server.pid, server.directory, flush=True)
sys.stdin.read()
"""


async def stored(server: NatsServer) -> int:
    """How many messages the stream `S` holds."""
    async with await nats.connect(server.url) as client:
        info = await client.jetstream().stream_info("S")
        return info.state.messages


async def store_one(server: NatsServer) -> None:
    """Put an acknowledged message into the stream `S`."""
    async with await nats.connect(server.url) as client:
        await client.jetstream().add_stream(name="S", subjects=["s"])
        await client.jetstream().publish("s", b"kept")


def gone(pid: int) -> bool:
    """No such process, or one that only waits for a parent that does not come for it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_client_connects_as_soon_as_it_has_started() -> None:
    """No retry is needed after `async with`; and after it process and temporary directory are gone."""
    async with NatsServer() as server:
        async with await nats.connect(server.url, allow_reconnect=False) as client:
            assert (await client.jetstream().account_info()).streams == 0
        pid, directory = server.pid, server.directory
        assert directory.exists()
    assert gone(pid)
    assert not directory.exists()


async def test_port_and_store_survive_a_crash_and_a_restart() -> None:
    """Acknowledged messages are there after kill -9, and after an orderly restart, at the same address."""
    with NatsServer() as server:
        url = server.url
        await store_one(server)
        server.kill()
        server.start()
        assert await stored(server) == 1
        server.restart()
        assert await stored(server) == 1
        assert server.url == url


def test_it_can_be_started_after_it_died_by_itself() -> None:
    """A server that somebody else killed is replaced by `start`, not taken for a running one."""
    with NatsServer() as server:
        first = server.pid
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        server.start()
        assert server.pid != first


async def test_a_paused_server_answers_when_resumed() -> None:
    """While it is stopped a connection stays open and silent, and goes on afterwards."""
    async with NatsServer() as server, await nats.connect(server.url) as client:
        server.pause()
        await eventually(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
        flushed = asyncio.create_task(client.flush())
        await asyncio.wait([flushed], timeout=0.05)
        assert not flushed.done()
        server.resume()
        await flushed


def test_a_paused_server_can_be_stopped() -> None:
    """An orderly end needs no `resume`, and leaves the word of it in the log."""
    with NatsServer() as server:
        server.pause()
        server.stop()
        assert "Server Exiting" in server.log_tail()


async def test_its_own_configuration_lines_hold_beside_ours() -> None:
    """A user's lines are obeyed, JetStream's block among them, without moving the store."""
    async with (
        NatsServer(config="max_payload: 4096\njetstream { sync_interval: always }") as server,
        await nats.connect(server.url) as client,
    ):
        assert client.max_payload == 4096
        await client.jetstream().add_stream(name="S", subjects=["s"])
        assert (server.store_dir / "jetstream" / "$G" / "streams" / "S").is_dir()


async def test_jetstream_can_be_left_out(tmp_path: Path) -> None:
    """Then there is no JetStream to ask; and a directory of the caller's stays."""
    directory = tmp_path / "not" / "there" / "yet"
    async with (
        NatsServer(jetstream=False, directory=directory) as server,
        await nats.connect(server.url) as client,
    ):
        with pytest.raises(nats.js.errors.ServiceUnavailableError):
            await client.jetstream().account_info()
    assert (directory / "nats-server.log").exists()


def test_what_keeps_it_from_starting_is_in_the_error() -> None:
    """A bad configuration and a taken port are told in the server's own words, and nothing is left running."""
    broken = NatsServer(config="nonsense: [")
    directory = broken.directory
    with pytest.raises(NatsServerError, match="Parse error"), broken:
        pytest.fail("started with nonsense")
    assert not directory.exists()
    with NatsServer() as first:
        second = NatsServer(port=first.port)
        with pytest.raises(NatsServerError, match="address already in use"):
            second.start()
        with pytest.raises(NatsServerError, match="not running"):
            _ = second.pid
        second.close()


def test_a_missing_server_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without wheel and PATH the error says what to install; a wrong FOG_NATS_SERVER is named."""
    monkeypatch.setenv("FOG_NATS_SERVER", "/no/such/server")
    with pytest.raises(NatsServerError, match="/no/such/server"):
        find_nats_server()
    monkeypatch.delenv("FOG_NATS_SERVER")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(NatsServerError, match=r"utilityfog-telemetry\[server\]"):
        find_nats_server()


def test_an_error_that_leaves_the_block_carries_the_log() -> None:
    """The traceback of a failed test shows the server's last words."""
    with pytest.raises(ValueError, match="broken") as caught, NatsServer():
        raise ValueError("broken")
    assert "Server is ready" in caught.value.__notes__[0]


def test_it_dies_with_its_parent() -> None:
    """After kill -9 of the process that started it neither server nor watchdog, nor directory stays behind."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, directory = parent.stdout.readline().decode().split()
        family = psutil.Process(parent.pid).children()
        assert int(pid) in {child.pid for child in family}
        assert len(family) == 2
        parent.kill()
    wait_until(lambda: all(gone(child.pid) for child in family), what="server and watchdog are gone")
    assert not Path(directory).exists()
