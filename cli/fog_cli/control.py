"""Publish an operator's commands, for the subcommands that have one."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Final

from fog_bus.ports import Outcome
from fog_cli.api import Api, ApiSettings
from fog_cli.bus import connected_bus
from fog_cli.errors import CommandError, UsageError
from fog_cli.nats_settings import NatsSettings
from fog_schema.commands import Command, encode_command
from fog_schema.errors import FrameError, PathError
from fog_schema.paths import parse_path
from fog_schema.subjects import Subjects

ACK_SECONDS: Final = 5.0


def publish_command(nats: NatsSettings, prefix: str, path: str, command: Command, name: str) -> None:
    """Publish a command to the aggregators that read a path, and wait until it is in the stream.

    Args:
        nats: The server, and who we are there.
        prefix: The beginning of subjects.
        path: The path, as people write it.
        command: The command.
        name: The subcommand, by which the server knows the connection.

    Raises:
        UsageError: For a path that is none, or a command that no aggregator would take.
        CommandError: When it does not get into the stream; says why.
    """
    try:
        subject, data = Subjects(prefix).control(parse_path(path)), encode_command(command)
    except PathError as error:
        raise UsageError(str(error)) from None
    except FrameError as error:
        raise UsageError(error.detail) from None

    async def publish() -> None:
        async with connected_bus(nats, name) as bus:
            result = await bus.publish(subject, data, ACK_SECONDS)
        if result.outcome is not Outcome.ACKED:
            raise CommandError(f"the command is not in the stream: {result.text or result.outcome.value}")

    asyncio.run(publish())


def warn_of_unknown(api: ApiSettings, path: str, what: str) -> None:
    """Say on standard error that an aggregator knows no such place: a path may be mistyped.

    Args:
        api: The aggregator; nothing is said when it does not answer.
        path: The path of a command that is in the stream.
        what: Consequence for the command, as a few words.
    """
    asked = Api(api.url)
    if asked.unknown(path):
        print(f"the aggregator at {asked.url} knows nothing at or under {path}: {what}", file=sys.stderr)


def author() -> str:
    """Name the user of this process; empty when the system has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
