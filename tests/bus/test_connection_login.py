"""Logging in to a real server with an nkey: the seed's file is enough, and a wrong one is said in one line."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import nkeys
import pytest

from fog_bus.nats.connection import Connection, NatsOptions
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually


def seed_file(directory: Path, name: str) -> tuple[Path, str]:
    """Return a new user's seed in a file, and its public key."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    file = directory / name
    file.write_bytes(seed)
    file.chmod(0o600)
    return file, nkeys.from_seed(bytearray(seed)).public_key.decode()


async def test_a_user_with_its_seed_is_let_in_and_a_stranger_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server knows one public key; the other user's refusal says so, without the seed."""
    known, public_key = seed_file(tmp_path, "known.nk")
    strange, _ = seed_file(tmp_path, "strange.nk")
    with NatsServer(config=f"authorization {{ users: [{{ nkey: {public_key} }}] }}") as server:
        async with Connection(NatsOptions(servers=(server.url,), nkey=str(known))) as connection:
            assert await connection.connected(10)
        with caplog.at_level(logging.INFO, logger="fog_agent"):
            async with Connection(NatsOptions(servers=(server.url,), nkey=str(strange))) as connection:
                await eventually(lambda: connection.errors["authorization"] > 0)
                assert connection.client is None
    assert "authorization" in caplog.text.lower()
    assert strange.read_text() not in caplog.text
