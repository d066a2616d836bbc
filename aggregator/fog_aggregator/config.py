"""The options of an aggregator: those of its parts, and what must hold among them. Without numpy: `--help` reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fog_aggregator.components.below.options import BelowOptions
from fog_aggregator.components.bootstrap.options import BootstrapOptions
from fog_aggregator.components.checkpoints.options import CheckpointOptions
from fog_aggregator.components.file_export.options import FileExportOptions
from fog_aggregator.components.history.options import HistoryOptions
from fog_aggregator.components.http.options import HttpOptions
from fog_aggregator.components.http.prometheus.options import QueryOptions
from fog_aggregator.components.notifications.options import NotificationOptions
from fog_aggregator.components.outgoing.options import OutgoingOptions
from fog_aggregator.components.past.options import PastOptions
from fog_aggregator.components.rollup.options import RollupOptions
from fog_aggregator.components.rules.options import RulesOptions
from fog_aggregator.options import FleetOptions, SubjectOptions, SubtreeOptions
from fog_bus.nats.options import NatsOptions
from fog_bus.ports import Endpoint


@dataclass(frozen=True, kw_only=True)
class AggregatorConfig(
    FileExportOptions,
    FleetOptions,
    CheckpointOptions,
    SubjectOptions,
    RollupOptions,
    RulesOptions,
    SubtreeOptions,
    HttpOptions,
    QueryOptions,
    PastOptions,
    NotificationOptions,
    HistoryOptions,
    OutgoingOptions,
    BelowOptions,
    BootstrapOptions,
):
    """The settings of one aggregator: every option of its parts, the last named part's first, and the connection.

    A new part is one line here. Each part is given this object as its own options, and sees those alone.

    Attributes:
        nats: Where the bus is, and who we are there: `NatsOptions`, or those of another transport.

    Raises:
        ValueError: Branches that do not lie under `path`, or overlap; a rollup without `path`, and a pair without a
            rollup; an interval out of bounds.
    """

    nats: NatsOptions | Endpoint = field(default_factory=NatsOptions)

    def __post_init__(self) -> None:
        if self.publish_rollup and not self.path:
            raise ValueError("a rollup is that of a subtree: give its path, as in --path fog/0")
        if self.bootstrap_allow and not self.publish_rollup:
            raise ValueError(
                "the other one of a pair is found by its rollups: --bootstrap.allow needs --publish-rollup"
            )
        super().__post_init__()
        self.check()
        self.check_http()
