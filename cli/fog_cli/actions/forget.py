"""The work of `fog forget` and `fog rebase`: a command in the stream."""

from __future__ import annotations

from fog_cli.commands.operator.forget import Settings
from fog_cli.commands.operator.rebase import Settings as Rebase
from fog_cli.control import author, publish_command, warn_of_unknown
from fog_cli.errors import UsageError
from fog_schema.commands import FORGET, REBASE, Command


def forget(settings: Settings) -> int:
    """Publish the command and wait until it is in the stream.

    Raises:
        UsageError: for a path that is none.
        CommandError: when it does not get into the stream; says why.
    """
    command = Command(FORGET, author=author())
    publish_command(settings.nats, settings.prefix, settings.path, command, "fog forget")
    print(f"departed nodes under {settings.path} are forgotten as soon as aggregators read this")
    warn_of_unknown(settings.api, settings.path, "it has nothing to forget there")
    return 0


def rebase(settings: Rebase) -> int:
    """Publish the command and wait until it is in the stream.

    Raises:
        UsageError: for a path that is none, or no reason.
        CommandError: when it does not get into the stream; says why.
    """
    if not settings.why.strip():
        raise UsageError("say why, for those who wonder about the numbers: --why TEXT")
    command = Command(REBASE, author=author(), comment=settings.why)
    publish_command(settings.nats, settings.prefix, settings.path, command, "fog rebase")
    print(
        f"{settings.path} counts on as soon as aggregators read this, if it has lost counts, and the event "
        "`rebased` tells of it; nodes that are away now and come back count twice"
    )
    return 0
