"""The work of `fog decode`: frames from a file or from the bus, printed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path as File

from nats.aio.msg import Msg

from fog_bus.nats.client import Client
from fog_cli.actions.frame_text import FrameText
from fog_cli.bus import Refusals, connected_link
from fog_cli.commands.decode import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.service import run_service
from fog_schema.codec import decode, encode_request
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import Request
from fog_schema.paths import Path, parse_path
from fog_schema.subjects import Subjects


def print_file(file: str) -> int:
    """Print the frame in a file, or on standard input for ``-``.

    Raises:
        CommandError: when it is not a frame, with the reason.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else File(file).read_bytes()
        print("\n".join(FrameText().lines(data)))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except FrameError as error:
        raise CommandError(f"{file}: not a frame: {error}") from None
    return 0


def follow(settings: Settings) -> int:
    """Ask the node at a path for a keyframe, and print what it publishes until told to stop.

    With `settings.rollups`, the aggregator of the subtree there.
    """
    try:
        path, subjects = parse_path(settings.path), Subjects(settings.prefix)
    except PathError as error:
        raise UsageError(str(error)) from None
    screen = _Screen(subjects, path, rollups=settings.rollups)

    async def serve(stop: asyncio.Event) -> int:
        async with connected_link(settings.nats, "fog decode") as link:
            refusals = Refusals(link, [*screen.subjects, subjects.resync(path)])
            link.connection.on_connect.append(screen.listen)
            if link.connection.client is not None:
                await screen.listen(link.connection.client)
            _complain(await refusals.answers(), screen.subjects)
            await stop.wait()
        return 0

    return run_service(serve)


def _complain(refused: list[str], subjects: Sequence[str]) -> None:
    """Say what the server refused; with no subject left to listen to there is nothing to wait for."""
    if all(any(f'"{subject}"' in text and "subscription" in text for text in refused) for subject in subjects):
        raise CommandError(f"NATS refuses this user: {'; '.join(refused)}")
    for text in refused:
        print(f"fog decode: NATS refuses this user: {text}", file=sys.stderr)


class _Screen:
    """Prints what passes by at a path, and asks for the keyframes that say what its ids mean."""

    def __init__(self, subjects: Subjects, path: Path, *, rollups: bool) -> None:
        self._subjects = subjects
        self._path = path
        self._rollups = rollups
        self.subjects = (subjects.rollups(path),) if rollups else (subjects.metrics(path), subjects.events(path))
        self._text = FrameText()
        self._asked: set[int] = set()

    async def listen(self, client: Client) -> None:
        """Subscribe, on each connection anew."""
        if self._rollups:
            await client.subscribe(self.subjects[0], cb=partial(self._show_rollup, client))
            return
        for subject in self.subjects:
            await client.subscribe(subject, cb=self._show)
        await self._ask(client, Request())

    async def _show(self, message: Msg) -> None:
        try:
            print(f"{message.subject}:", "\n".join(self._text.lines(message.data)), flush=True)
        except FrameError as error:
            print(f"{message.subject}: not a frame: {error}", flush=True)

    async def _show_rollup(self, client: Client, message: Msg) -> None:
        """Print; ask each writer once, by its epoch: asked without one, every node under the path would answer."""
        await self._show(message)
        with suppress(FrameError):
            epoch = decode(message.data).epoch
            if epoch not in self._asked:
                self._asked.add(epoch)
                await self._ask(client, Request(epoch))

    async def _ask(self, client: Client, request: Request) -> None:
        await client.publish(self._subjects.resync(self._path), encode_request(request))
