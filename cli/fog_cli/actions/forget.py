"""The work of `fog forget`: an event in the stream."""

from __future__ import annotations

import asyncio
import time

from fog_agent.edge.attach import new_epoch
from fog_aggregator.core.engine.forget_queue import FORGET
from fog_bus.ports import Outcome
from fog_cli.bus import connected_link
from fog_cli.commands.forget import Settings
from fog_cli.errors import CommandError, UsageError
from fog_schema.codec import encode
from fog_schema.errors import PathError
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.paths import parse_path
from fog_schema.subjects import Subjects

ACK_SECONDS = 5.0


def forget(settings: Settings) -> int:
    """Publish the wish and wait until it is in the stream.

    Raises:
        UsageError: for a path that is none.
        CommandError: when it does not get into the stream; says why.
    """
    try:
        subject = Subjects(settings.prefix).events(parse_path(settings.path))
    except PathError as error:
        raise UsageError(str(error)) from None
    wish = Event(FORGET, None, {}, {}, time.time())
    frame = encode(Frame(EVENTS, epoch=new_epoch(), seq=1, events=(wish,)))

    async def publish() -> None:
        async with connected_link(settings.nats, "fog forget") as link:
            result = await link.publish(subject, frame, ACK_SECONDS)
        if result.outcome is not Outcome.ACKED:
            raise CommandError(f"the wish is not in the stream: {result.text or result.outcome.value}")

    asyncio.run(publish())
    print(f"departed nodes under {settings.path} are forgotten as soon as aggregators read this")
    return 0
