"""A stream of JetStream as a `Log`: its state from STREAM.INFO, its messages over a pull consumer of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nats.errors import Error as NatsError

from fog_bus.nats.api import JetStream, JetStreamError, parse_stream_info
from fog_bus.nats.consumer import PullConsumer, from_sequence, from_time
from fog_bus.nats.link import Link
from fog_bus.ports import LogError, Message, StreamInfo

HEARTBEAT = 2.0


class NatsLog:
    """One stream, over one link. Implements `fog_bus.ports.Log`.

    Args:
        link: The connection and its requests.
        stream: The stream's name.
        heartbeat: Seconds after which the server says that it has nothing to deliver; three missed ones end a reader.
    """

    def __init__(self, link: Link, stream: str, heartbeat: float = HEARTBEAT) -> None:
        self.stream = stream
        self._connection = link.connection
        self._jetstream = JetStream(link)
        self._heartbeat = heartbeat

    async def connected(self) -> None:
        """Wait until there is a connection."""
        await self._connection.connected()

    async def info(self, *, beyond: int | None = None) -> StreamInfo:
        """Ask the stream's leader what the stream is now.

        Args:
            beyond: Ask also which messages are deleted, where the stream has any after this sequence.

        Raises:
            LogError: The leader did not say.
        """
        call = f"STREAM.INFO.{self.stream}"
        try:
            info = parse_stream_info(await self._jetstream.call(call))
            if beyond is not None and info.tail > beyond and info.deletions:
                info = parse_stream_info(await self._jetstream.call(call, {"deleted_details": True}))
        except (JetStreamError, NatsError) as error:
            raise _log_error(error) from error
        return info

    async def open(self, seq: int) -> NatsLogReader:
        """Create a consumer that begins with the first message at or after `seq`.

        Raises:
            LogError: The server refused it or did not answer.
        """
        return await self._open(from_sequence(seq))

    async def open_at(self, timestamp: float, subjects: Sequence[str]) -> NatsLogReader:
        """Create a consumer of some subjects that begins with the first message stored at or after a moment.

        Raises:
            LogError: The server refused it or did not answer.
        """
        return await self._open(from_time(timestamp, subjects))

    async def _open(self, start: Mapping[str, Any]) -> NatsLogReader:
        client = self._connection.client
        if client is None:
            raise LogError("disconnected")
        consumer = PullConsumer(self._jetstream, client, self.stream, heartbeat=self._heartbeat)
        try:
            await consumer.open(start)
        except (JetStreamError, NatsError) as error:
            await consumer.close()
            raise _log_error(error) from error
        except BaseException:
            await consumer.close()
            raise
        return NatsLogReader(consumer)


class NatsLogReader:
    """One consumer of a `NatsLog`. Implements `fog_bus.ports.LogReader`."""

    def __init__(self, consumer: PullConsumer) -> None:
        self._consumer = consumer

    @property
    def pending(self) -> int:
        """How many messages the consumer's replica had beyond the last one delivered."""
        return self._consumer.pending

    async def next(self) -> list[Message]:
        """Wait until the server speaks; return the messages that came, none when it had nothing to deliver.

        Raises:
            LogError: Nothing more will come, or something has not come that should have.
        """
        try:
            return await self._consumer.next()
        except NatsError as error:
            raise _log_error(error) from error

    async def close(self) -> None:
        """Let the server forget the consumer. Does not raise."""
        await self._consumer.close()


def _log_error(error: JetStreamError | NatsError) -> LogError:
    return LogError(error.reason if isinstance(error, JetStreamError) else "disconnected", str(error))
