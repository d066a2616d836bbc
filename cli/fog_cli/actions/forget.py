"""The work of `fog forget`: a command in the stream."""

from __future__ import annotations

from fog_cli.commands.operator.forget import Settings
from fog_cli.control import author, publish_command
from fog_schema.commands import FORGET, Command


def forget(settings: Settings) -> int:
    """Publish the command and wait until it is in the stream.

    Raises:
        UsageError: for a path that is none.
        CommandError: when it does not get into the stream; says why.
    """
    command = Command(FORGET, author=author())
    publish_command(settings.nats, settings.prefix, settings.path, command, "fog forget")
    print(f"departed nodes under {settings.path} are forgotten as soon as aggregators read this")
    return 0
