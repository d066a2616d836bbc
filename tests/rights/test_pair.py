"""A new member of a branch's pair finds the other one by the rights of the shipped configurations, and not without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.components.bootstrap import finding
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving, total
from tests.rights.shipped import Shipped, plain
from utilityfog_frontend.telemetry import TelemetryCollector

OF_BRANCH: dict[str, Any] = {
    "path": ("fog", "0"),
    "create_streams": False,
    "publish_rollup": True,
    "rollup_interval": 0.1,
    "bootstrap_allow": ("http://127.0.0.1:9",),
}
OF_ROOT: dict[str, Any] = {"path": ("fog",), "create_streams": False, "branches": (("fog", "*"),)}
GOES_ON = "going on from the checkpoint of http://127.0.0.1"


@asynccontextmanager
async def second_of_a_pair(shipped: Shipped, directory: Path) -> AsyncIterator[float]:
    """Start one of a pair, which counts 3, and another one without a state; yield what that one knows at once."""
    port = free_port()
    alike: dict[str, Any] = {
        "nats": NatsOptions.parse(shipped.server.url, **shipped.logins["branch"]),
        "path": ("fog", "0"),
        "create_streams": False,
        "publish_rollup": True,
        "rollup_interval": 0.1,
        "checkpoint_interval": 0.1,
        "checkpoint_share": 1.0,
    }
    told = {"listen": ("127.0.0.1", port), "http_advertise": f"http://127.0.0.1:{port}", "state_dir": directory}
    collector = TelemetryCollector()
    collector.register_counter("orders_total", "Orders").increment(3)
    node = NatsOptions.parse(shipped.server.url, **shipped.logins["node"])
    async with serving(config(shipped.server, **(alike | told))) as one:
        async with Agent(collector, path="fog/0/3", options=node, interval=0.1):
            await eventually(lambda: total(one, "orders_total") == 3)
            await eventually(lambda: list(directory.glob("checkpoint-*.fog")))
        second = config(shipped.server, **alike, bootstrap_allow=(f"http://127.0.0.1:{port}",))
        async with serving(second) as other:
            yield total(other, "orders_total")


async def test_it_finds_the_other_one(shipped: Shipped, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By the branch's own login."""
    with caplog.at_level("INFO"):
        async with second_of_a_pair(shipped, tmp_path) as known:
            assert known == 3
    assert GOES_ON in caplog.text


async def test_a_login_of_a_version_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may not hear the totals of its path: the log says both, and it begins without."""
    monkeypatch.setattr(finding, "LEAST_SECONDS", 0.2)
    with plain(r'"fog\.v1\.rollups\.fog\.0" # by .*', "") as older:
        async with second_of_a_pair(older, tmp_path) as known:
            assert known == 3  # the streams have it still
    assert 'permissions violation for subscription to "fog.v1.rollups.fog.0"' in caplog.text
    assert "nobody was heard on fog.v1.rollups.fog.0" in caplog.text
    assert GOES_ON not in caplog.text


@pytest.mark.parametrize(
    ("login", "settings"), [("branch", OF_BRANCH), ("aggregator", OF_ROOT)], ids=["branch", "root"]
)
async def test_no_question_is_refused(
    login: str,
    settings: dict[str, Any],
    shipped: Shipped,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is refused to it while it starts, reads, looks who has most of its stream, and sends its totals up."""
    monkeypatch.setattr(finding, "LEAST_SECONDS", 0.2)
    known = NatsOptions.parse(shipped.server.url, **shipped.logins[login])
    collector = TelemetryCollector()
    collector.register_counter("orders_total", "Orders").increment(3)
    node = NatsOptions.parse(shipped.server.url, **shipped.logins["node"])
    async with (
        serving(config(shipped.server, nats=known, state_dir=tmp_path, **settings)) as one,
        Agent(collector, path="fog/0/3", options=node, interval=0.1),
    ):
        if login == "branch":
            await eventually(lambda: total(one, "orders_total") == 3)
    assert "permissions violation" not in caplog.text.lower()
