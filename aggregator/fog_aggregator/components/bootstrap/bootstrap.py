"""Take the checkpoint of the other aggregator of a pair, where we have none of our own."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import aiohttp

from fog_aggregator.components.below.tokens import read_tokens
from fog_aggregator.components.bootstrap.finding import PairSearch
from fog_aggregator.components.bootstrap.options import BootstrapOptions
from fog_aggregator.components.checkpoints.resumption import OtherScopeError, resume
from fog_aggregator.core.checkpoint import CheckpointError, Image, LaterVersionError, read_image
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_bus.options.kinds import redact
from fog_schema.paths import format_path

LOGGER: Final = logging.getLogger("fog_aggregator")
PATH: Final = "/api/checkpoint"
ITS_OWN: Final = frozenset({"rules", "partner", "notifications"})
"""Parts that are of one aggregator of a pair alone: which alerts it follows, and what its receivers are owed."""
CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 120.0
_CHUNK: Final = 1024 * 1024
_READ: Final = 300


class NoCheckpointError(Exception):
    """The other aggregator gave none; the text says why."""


class Bootstrap:
    """A component that begins with another aggregator's checkpoint, once its own checkpoints were looked at.

    Whatever is wrong with it, the aggregator begins without, and asks its nodes for keyframes.

    Args:
        options: The other aggregator's address, and the file of tokens.
        engine: Goes on from the checkpoint.
        network: Shows the fleet.
        most: Bytes that it may have.
        search: Finds the other aggregator where no address is given; None to look for none.

    Raises:
        TokensError: The file of tokens cannot be used.
    """

    def __init__(
        self,
        options: BootstrapOptions,
        engine: Engine,
        network: NetworkCollector,
        most: int,
        search: PairSearch | None = None,
    ) -> None:
        self._url = options.bootstrap.rstrip("/")
        self._tokens = read_tokens(options.bootstrap_token_file) if options.bootstrap_token_file else {}
        self._engine = engine
        self._network = network
        self._most = most
        self._search = search

    async def start(self) -> None:
        """Go on from the other one's checkpoint, unless we have one of our own."""
        if self._engine.positions:
            return
        if self._url:
            await self._begin_with(self._url)
        elif self._search is not None and (found := await self._search.find()) is not None:
            await self._begin_with(found.address, self._tokens.get(found.address, self._tokens.get(found.pattern)))

    async def stop(self, deadline: float) -> None:
        """Do nothing."""

    async def _begin_with(self, url: str, token: str | None = None) -> None:
        name = redact(url)
        try:
            image = await asyncio.to_thread(_image, await self._fetch(url, token))
            resume(self._engine, self._network, image, time.monotonic())
        except OtherScopeError:
            prefix, path, _ = image.scope
            LOGGER.warning(
                "no checkpoint from %s: its own is of %s under %s, with other branches perhaps; beginning without",
                *(name, format_path(path) or "everything", prefix),
            )
        except (NoCheckpointError, CheckpointError, LaterVersionError) as error:
            LOGGER.warning("no checkpoint from %s: %s; beginning without", name, error)
        else:
            LOGGER.info("going on from the checkpoint of %s", name)

    async def _fetch(self, url: str, token: str | None) -> bytes:
        """Return the bytes of the other one's checkpoint.

        Raises:
            NoCheckpointError: It gives none.
        """
        limits = aiohttp.ClientTimeout(LONGEST_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with (
                aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), headers=headers) as session,
                session.get(url + PATH, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    text = (await answer.content.read(_READ)).decode(errors="replace")
                    raise NoCheckpointError(f"it says {answer.status}: {' '.join(text.split())}")
                return await self._body(answer)
        except TimeoutError:
            raise NoCheckpointError("it takes too long to answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoCheckpointError(f"it does not answer: {redact(str(error)) or type(error).__name__}") from None

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._most:
                raise NoCheckpointError(f"it is larger than the {self._most} bytes of memory that the fleet may take")
        return bytes(body)


def _image(data: bytes) -> Image:
    """Read a checkpoint, without what is of its writer alone."""
    image = read_image(data)
    image.plain["parts"] = {name: part for name, part in image.plain["parts"].items() if name not in ITS_OWN}
    image.arrays = {name: array for name, array in image.arrays.items() if name.partition("/")[0] not in ITS_OWN}
    return image
