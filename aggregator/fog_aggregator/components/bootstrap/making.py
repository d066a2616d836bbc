"""Make the component that begins with another aggregator's checkpoint."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

from fog_aggregator.components.bootstrap.bootstrap import Bootstrap
from fog_aggregator.components.bootstrap.finding import PairSearch
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_bus.ports import Transport
from fog_bus.transports import open_transport
from fog_schema.subjects import Subjects


def make_bootstrap(
    config: AggregatorConfig, engine: Engine, network: NetworkCollector, most: int, transport: Transport | None
) -> Bootstrap:
    """Return the component. It looks for the other one where addresses are allowed, by a connection of its own.

    Args:
        config: The settings.
        engine: Goes on from the checkpoint.
        network: Shows the fleet.
        most: Bytes that the checkpoint may have.
        transport: The bus in place of NATS; it is connected already.

    Raises:
        TokensError: The file of tokens cannot be used.
    """

    def open_bus() -> AbstractAsyncContextManager[Transport, bool | None]:
        return open_transport(config.nats) if transport is None else nullcontext(transport)

    search = None
    if config.bootstrap_allow:
        subjects, interval = Subjects(config.prefix), config.rollup_interval
        search = PairSearch(config.path, subjects, config.bootstrap_allow, interval, open_bus)
    return Bootstrap(config, engine, network, most, search)
