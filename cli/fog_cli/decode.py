"""The work of `fog decode`: frames from a file or from the bus, printed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from nats.aio.msg import Msg

from fog_agent.client import Client
from fog_cli.bus import connected_link
from fog_cli.commands.decode import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.frame_text import FrameText
from fog_cli.service import run_service
from fog_schema.codec import encode_request
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import Request
from fog_schema.paths import parse_path
from fog_schema.subjects import Subjects


def print_file(file: str) -> int:
    """Print the frame in a file, or on standard input for ``-``.

    Raises:
        CommandError: when it is not a frame, with the reason.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        print("\n".join(FrameText().lines(data)))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except FrameError as error:
        raise CommandError(f"{file}: not a frame: {error}") from None
    return 0


def follow(settings: Settings) -> int:
    """Ask the node at a path for a keyframe, and print what it publishes until told to stop."""
    try:
        path, subjects = parse_path(settings.path), Subjects(settings.prefix)
    except PathError as error:
        raise UsageError(str(error)) from None
    text = FrameText()

    async def show(message: Msg) -> None:
        try:
            print(f"{message.subject}:", "\n".join(text.lines(message.data)), flush=True)
        except FrameError as error:
            print(f"{message.subject}: not a frame: {error}", flush=True)

    async def listen(client: Client) -> None:
        for subject in (subjects.metrics(path), subjects.events(path)):
            await client.subscribe(subject, cb=show)
        await client.publish(subjects.resync(path), encode_request(Request()))

    async def serve(stop: asyncio.Event) -> int:
        async with connected_link(settings.nats, "fog decode") as link:
            link.connection.on_connect.append(listen)
            if link.connection.client is not None:
                await listen(link.connection.client)
            await stop.wait()
        return 0

    return run_service(serve)
