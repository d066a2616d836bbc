"""From a rule file to a receiver, and from an operator to a silence: a whole aggregator over a real nats-server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from fog_aggregator.service import Aggregator
from fog_bus.nats.link import Link
from fog_bus.ports import Outcome
from fog_schema.commands import SILENCE, Command, encode_command
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from tests.bus.broker import connected
from tests.cli.bus import make_streams
from tests.notifications.receiving import hook

LOG: Final = "log"
RULES: Final = """
groups:
  - name: g
    interval: 1s
    rules:
      - {alert: Heard, expr: fog_aggregator_ready == 1, labels: {fog_path: fog/0}}
      - {alert: Muted, expr: fog_aggregator_ready == 1, labels: {fog_path: fog/1}}
"""


async def silence(link: Link) -> None:
    """Silence the second alert."""
    command = Command(SILENCE, "a", matchers=((0, "alertname", "Muted"),), duration=3_600_000)
    answer = await link.publish("fog.v1.control.fog.1", encode_command(command), 5)
    assert answer.outcome is Outcome.ACKED


def sent(aggregator: Aggregator, receiver: str) -> float:
    """Count the notices that a receiver has taken."""
    text = {
        (dict(one.labels)["receiver"], dict(one.labels)["result"]): one.value
        for family in aggregator.network.collect()
        if family.family.name == "fog_aggregator_notifications_total"
        for one in family.series
    }
    value = text[receiver, "sent"]
    assert isinstance(value, int | float)
    return value


def has_sent(aggregator: Aggregator, receiver: str, count: int) -> bool:
    """Tell whether a receiver has taken so many notices."""
    return sent(aggregator, receiver) >= count


async def test_an_alert_reaches_its_receivers(fog_nats: NatsServer, tmp_path: Path) -> None:
    """An Alertmanager is told of both alerts, the log of the one that no operator has silenced, before and after."""
    rules, state = tmp_path / "rules.yml", tmp_path / "state"
    rules.write_text(RULES)
    await make_streams(fog_nats.url)
    async with hook() as taking, connected(fog_nats.url) as link:
        await silence(link)
        name = f"alertmanager:{taking.url.rpartition('//')[2]}"
        settings = config(fog_nats, alertmanager=(taking.url,), rules=(str(rules),), state_dir=state)
        for run in range(2):  # a restart tells the log nothing anew
            taking.bodies.clear()
            async with serving(settings) as aggregator:
                await eventually(partial(has_sent, aggregator, name, 2), deadline=30)
                assert {*taking.alerts()} == {"Heard", "Muted"}
                assert [one["status"]["state"] for one in aggregator.status.silences()] == ["active"]
                if run:
                    assert sent(aggregator, LOG) == 0
                else:
                    await eventually(partial(has_sent, aggregator, LOG, 1))
                    assert sent(aggregator, LOG) == 1
