"""Put notifications together from their options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fog_aggregator.components.notifications.client import HttpClient
from fog_aggregator.components.notifications.notifier import Notifications
from fog_aggregator.components.notifications.options import NotificationOptions
from fog_aggregator.components.notifications.receivers import make_receivers
from fog_aggregator.notifications.deliveries import DeliveryOrder
from fog_aggregator.notifications.silences import Silences
from fog_aggregator.tasks import Loops
from fog_bus.ports import Bus
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector


@dataclass(frozen=True, slots=True)
class Situation:
    """The aggregator whose alerts are told.

    Attributes:
        path: The subtree that it reads.
        external_url: Where people find it; empty when nobody said.
        server_time: Tells the time by which alerts are told, unix seconds.
        silences_known: Tells whether the commands that were stored so far are read.
        order: Knows what other aggregators of the same tree have told.
    """

    path: Path
    external_url: str
    server_time: Callable[[], float]
    silences_known: Callable[[], bool]
    order: DeliveryOrder


def make_notifications(
    options: NotificationOptions,
    bus: Bus,
    subjects: Subjects,
    situation: Situation,
    collector: TelemetryCollector,
    loops: Loops,
) -> Notifications:
    """Make the component with the receivers that options name, and the log.

    Args:
        options: The options.
        bus: Carries the alerts that go to NATS.
        subjects: Their subjects.
        situation: The aggregator's.
        collector: Takes the counts.
        loops: Runs the loops.
    """
    client = HttpClient()
    receivers = make_receivers(options, client, bus, subjects, situation.path, situation.external_url)
    return Notifications(
        receivers,
        client,
        Silences(),
        situation.order,
        situation.server_time,
        situation.silences_known,
        collector,
        loops,
    )
