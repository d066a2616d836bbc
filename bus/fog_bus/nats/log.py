"""A stream of JetStream as a `Log`: its state from STREAM.INFO, its messages over a pull consumer of our own.

A bucket of values by key is a stream too, with one message for each key.
"""

from __future__ import annotations

import asyncio
import random
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nats.errors import Error as NatsError

from fog_bus.nats.api import (
    MESSAGE_NOT_FOUND,
    JetStream,
    JetStreamError,
    parse_shares,
    parse_stream_info,
    parse_subjects,
)
from fog_bus.nats.consumer import FORGOTTEN_AFTER, PullConsumer, from_sequence, from_time
from fog_bus.nats.link import WRONG_LAST, Link, parse_ack
from fog_bus.ports import NO_ENTRY, Entry, LogError, Message, Outcome, Publish, Refusal, Share, StreamInfo
from fog_bus.reader_names import ReaderNames
from fog_bus.streams import bucket_stream

HEARTBEAT: Final = 2.0
RARE_HEARTBEAT: Final = 4.0
"""Seconds after which a server that has nothing to deliver says so; the second where nothing is the rule."""
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
MOST_SUBJECTS: Final = 100_000
"""So many the server tells of in one answer, of 3 MB."""
_NAME_IN_USE: Final = 10148
"""The server's code: there is a consumer of this name, perhaps that of the other one of a pair."""


class NatsLog:
    """One stream, over one link. Implements `fog_bus.ports.Log`.

    Args:
        link: The connection and its requests.
        stream: The stream's name.
        heartbeat: Seconds after which the server says that it has nothing to deliver; two or three missed ones end a
            reader (`patience`).
        readers: The names that its consumers may have; any without them.
        subjects: Filters of the subjects that are delivered; all without them. For several of them the server looks
            through all that it has for each message that it delivers: they suit few messages of many.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        heartbeat: float = HEARTBEAT,
        readers: Sequence[str] = (),
        subjects: Sequence[str] = (),
    ) -> None:
        self.stream = stream
        self._subjects = subjects
        self._connection = link.connection
        self._jetstream = JetStream(link)
        self._heartbeat = heartbeat
        self._names = ReaderNames(readers, FORGOTTEN_AFTER, random.Random())

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
            if self._subjects:
                last = [await self._last(subject) for subject in self._subjects]
                info = replace(info, tail=max(last))
            elif beyond is not None and info.tail > beyond and info.deletions:
                info = parse_stream_info(await self._jetstream.call(call, {"deleted_details": True}))
        except (JetStreamError, NatsError) as error:
            raise _log_error(error) from error
        return info

    async def stored_at(self, seq: int) -> int:
        """Ask the stream's leader when a message was stored: nanoseconds since 1970, 0 for no such message.

        Raises:
            LogError: The leader did not say.
        """
        if seq <= 0:
            return 0
        try:
            return (await self._jetstream.find_message(self.stream, {"seq": seq}))[1]
        except (JetStreamError, NatsError) as error:
            raise _log_error(error) from error

    async def _last(self, subject: str) -> int:
        return (await self._jetstream.find_message(self.stream, {"last_by_subj": subject}))[0]

    async def shares(self, most: int) -> list[Share]:
        """Tell which subjects have most of the stream's messages, as far as these are not too many.

        Raises:
            LogError: The leader did not say.
        """
        call = f"STREAM.INFO.{self.stream}"
        try:
            if (await self._jetstream.call(call))["state"].get("num_subjects", 0) > MOST_SUBJECTS:
                return []
            answer = await self._jetstream.ask(call, {"subjects_filter": ">"})
        except (JetStreamError, NatsError) as error:
            raise _log_error(error) from error
        return await asyncio.to_thread(parse_shares, answer, most)  # of many subjects it takes 50 ms

    async def subjects(self, matching: str, skip: int = 0) -> list[str]:
        """Tell which of the subjects that a filter matches have messages, a page of them.

        Raises:
            LogError: The leader did not say.
        """
        wanted = {"subjects_filter": matching, "offset": skip}
        try:
            answer = await self._jetstream.ask(f"STREAM.INFO.{self.stream}", wanted)
            return await asyncio.to_thread(parse_subjects, answer)
        except (JetStreamError, NatsError) as error:
            raise _log_error(error) from error

    async def open(self, seq: int) -> NatsLogReader:
        """Create a consumer that begins with the first message at or after `seq`.

        Raises:
            LogError: The server refused it or did not answer.
        """
        return await self._open(from_sequence(seq, self._subjects))

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
        for name, left in self._names.candidates(time.monotonic()):
            consumer = PullConsumer(self._jetstream, client, self.stream, name=name, heartbeat=self._heartbeat)
            reader = NatsLogReader(consumer, self._names)
            try:
                await consumer.open(start, anew=left)
            except (JetStreamError, NatsError) as error:
                await reader.close()
                if not (isinstance(error, JetStreamError) and error.code == _NAME_IN_USE):
                    raise _log_error(error) from error
            except BaseException:
                await reader.close()
                raise
            else:
                return reader
        names = self._names.names
        raise LogError("refused", f"all {len(names)} readers of this stream are in use, {names[0]} to {names[-1]}")


class NatsLogReader:
    """One consumer of a `NatsLog`. Implements `fog_bus.ports.LogReader`."""

    def __init__(self, consumer: PullConsumer, names: ReaderNames) -> None:
        self._consumer = consumer
        self._names = names

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
        if not await self._consumer.close():
            self._names.leave(self._consumer.name, time.monotonic())


def _log_error(error: JetStreamError | NatsError) -> LogError:
    return LogError(error.reason if isinstance(error, JetStreamError) else "disconnected", str(error))


class NatsBucket:
    """One bucket, over one link. Implements `fog_bus.ports.Bucket`.

    Args:
        link: The connection and its requests.
        name: The bucket's name.
        deadline: Seconds to wait for an answer.
    """

    def __init__(self, link: Link, name: str, deadline: float = 2.0) -> None:
        self._link = link
        self._name = name
        self._deadline = deadline
        self._jetstream = JetStream(link, deadline)

    async def get(self, key: str) -> Entry:
        """Ask the leader for the value of a key.

        Raises:
            LogError: Nobody told.
        """
        request = {"last_by_subj": self._subject(key)}
        try:
            answer = await self._jetstream.call(f"STREAM.MSG.GET.{bucket_stream(self._name)}", request)
        except JetStreamError as error:
            if error.code == MESSAGE_NOT_FOUND:
                return NO_ENTRY
            raise LogError(error.reason, str(error)) from error
        message = answer["message"]
        return Entry(int(message["seq"]), b64decode(message.get("data") or ""))

    async def put(self, key: str, data: bytes, revision: int) -> int:
        """Write a value where the key has this revision; return the new one, 0 where it has another.

        Raises:
            LogError: It may be written or not; nobody told.
        """
        headers = {_EXPECTED: str(revision)}
        answer = await self._link.exchange(self._subject(key), data, self._deadline, headers)
        outcome = answer if isinstance(answer, Publish) else parse_ack(answer)
        if outcome.outcome is Outcome.ACKED:
            return outcome.seq
        if outcome.text.startswith(WRONG_LAST):
            return 0
        missing = outcome.refusal is Refusal.NO_STREAM
        raise LogError("missing" if missing else outcome.outcome.value, outcome.text)

    def _subject(self, key: str) -> str:
        return f"$KV.{self._name}.{key}"
