"""The work of `fog aggregator`: options to configuration, errors to one line, the service under signals."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import Final

from fog_aggregator.components.checkpoints.directory import StateDirError
from fog_aggregator.components.http.server import ListenError
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.engine.stream_rules import HorizonError
from fog_aggregator.service import Aggregator
from fog_cli.commands.aggregator import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.logs import set_up_logging
from fog_cli.service import notify, run_service
from fog_cli.state_dir import default_state_dir

_RELOADS: Final[set[asyncio.Future[str]]] = set()


def serve(settings: Settings) -> int:
    """Aggregate and serve until told to stop; the exit code.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when the address is taken, or the state directory cannot be used.
    """
    set_up_logging(settings.log)
    config = configuration(settings)

    async def work(stop: asyncio.Event) -> int:
        try:
            aggregator = Aggregator(config)
        except ValueError as error:
            raise UsageError(str(error)) from None
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: reload(aggregator))
        try:
            await aggregator.run(stop, on_listening=lambda: notify("READY=1"))
        except (ListenError, StateDirError, HorizonError) as error:
            raise CommandError(str(error)) from None
        return 0

    return run_service(work, stop_on_eof=settings.stop_on_eof)


def reload(aggregator: Aggregator) -> None:
    """Read the rule files anew; the aggregator logs what is wrong with them."""
    task = asyncio.ensure_future(aggregator.reload())
    _RELOADS.add(task)
    task.add_done_callback(_RELOADS.discard)


def configuration(settings: Settings) -> AggregatorConfig:
    """Complete the options by the connection, and by the directory that checkpoints have without any option."""
    config = settings.config
    return replace(
        config, nats=settings.nats.options("fog aggregator"), state_dir=config.state_dir or default_state_dir()
    )
