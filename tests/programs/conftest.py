"""Fixtures that tests of real programs share."""

from pathlib import Path

import pytest

from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from tests.programs.running import Programs


@pytest.fixture
def programs(tmp_path: Path, fog_nats: NatsServer, fog_fleet: Fleet) -> Programs:
    """Provide a folder whose programs publish to a nats-server, and the fleet that an aggregator reads from it."""
    return Programs(tmp_path, fog_nats.url, fog_fleet)
