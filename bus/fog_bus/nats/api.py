"""The few calls of JetStream's API that an aggregator makes, in the server's own words: JSON in, JSON out."""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from fog_bus.nats.link import Link
from fog_bus.ports import Refusal, RequestError, Share, StreamInfo

_STREAM_NOT_FOUND: Final = 10059
MESSAGE_NOT_FOUND: Final = 10037
_REASONS: Final = {_STREAM_NOT_FOUND: "missing", 10008: "unavailable", 10009: "unavailable"}
"""Of refusals that say nothing about our rights, by the server's `err_code`: JetStream of a cluster has no leader."""
_NAMES_AT_ONCE: Final = 1024
"""Names that the server tells in one answer."""
_MOST_NAMES: Final = 16 * _NAMES_AT_ONCE


class JetStreamError(Exception):
    """JetStream refused a call, or did not answer it.

    Attributes:
        reason: One word for a counter: missing, unavailable, refused, timeout, disconnected.
        code: The server's `err_code`; 0 when there was no answer.
    """

    def __init__(self, text: str, reason: str = "refused", code: int = 0) -> None:
        super().__init__(text)
        self.reason = reason
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether the stream is not there, or all of JetStream."""
        return self.reason == "missing"


class JetStream:
    """JetStream's API over a link, in the domain that the connection's options name.

    Args:
        link: Carries calls and answers.
        deadline: Seconds to wait for an answer.
    """

    def __init__(self, link: Link, deadline: float = 5.0) -> None:
        self.link = link
        self._deadline = deadline
        domain = link.connection.options.jetstream_domain
        self._prefix = f"$JS.{domain}.API" if domain else "$JS.API"

    def subject(self, call: str) -> str:
        """Return the subject of a call such as `STREAM.INFO.FOG_METRICS`."""
        return f"{self._prefix}.{call}"

    async def ask(self, call: str, request: Mapping[str, Any] | None = None) -> bytes:
        """Make one call and return its answer as it came.

        Raises:
            JetStreamError: It was not answered.
        """
        payload = b"" if request is None else json.dumps(request).encode()
        try:
            return await self.link.request(self.subject(call), payload, self._deadline)
        except RequestError as error:
            gone = error.outcome.refusal is Refusal.NO_STREAM
            raise JetStreamError(str(error), "missing" if gone else error.outcome.outcome.value) from error

    async def find_message(self, stream: str, request: Mapping[str, Any]) -> tuple[int, int]:
        """Ask the leader of a stream for one message; return its sequence and when it was stored, 0 and 0 for none.

        Args:
            stream: The stream's name.
            request: Which one: `{"seq": 7}`, or `{"last_by_subj": "fog.v1.metrics.fog"}`.

        Raises:
            JetStreamError: It was refused or not answered.
        """
        try:
            answer = await self.call(f"STREAM.MSG.GET.{stream}", request)
        except JetStreamError as error:
            if error.code == MESSAGE_NOT_FOUND:
                return 0, 0
            raise
        message = answer["message"]
        return int(message["seq"]), nanoseconds(message["time"])

    async def streams_of(self, subject: str) -> list[str]:
        """Return the names of the streams that take any subject of a filter.

        Raises:
            JetStreamError: It was refused or not answered.
        """
        names: list[str] = []
        while len(names) < _MOST_NAMES:
            answer = await self.call("STREAM.NAMES", {"subject": subject, "offset": len(names)})
            some = answer.get("streams") or []
            names += map(str, some)
            if not some or len(names) >= answer.get("total", 0):
                break
        return names

    async def call(self, call: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make one call and return its answer.

        Raises:
            JetStreamError: It was refused or not answered.
        """
        return _read_answer(call, await self.ask(call, request))


def _read_answer(call: str, data: bytes) -> dict[str, Any]:
    """Read an answer of JetStream.

    Raises:
        JetStreamError: It is a refusal, or none.
    """
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise JetStreamError(f"{call}: the answer is not JSON") from error
    match answer:
        case {"error": {"err_code": int(code), "description": str(text)}}:
            raise JetStreamError(text, _REASONS.get(code, "refused"), code)
        case {"type": str()}:
            return dict(answer)
    raise JetStreamError(f"{call}: not an answer of JetStream")


def parse_shares(answer: bytes, most: int) -> list[Share]:
    """Read who has most of a stream from an answer to `STREAM.INFO` with subjects; nobody when it is not one."""
    try:
        state = json.loads(answer)["state"]
        total, subjects = int(state["messages"]), dict(state["subjects"])
        largest = heapq.nlargest(most, subjects.items(), key=itemgetter(1))
        return [Share(subject, count, count / total) for subject, count in largest if total > 0]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def parse_subjects(answer: bytes) -> list[str]:
    """Read a page of subjects, in order, from an answer to `STREAM.INFO`; none beyond the last one.

    Raises:
        JetStreamError: It is a refusal, or none.
    """
    match _read_answer("STREAM.INFO", answer):
        case {"state": {"subjects": dict(subjects)}}:
            return sorted(subjects)
    return []


def parse_stream_info(answer: Mapping[str, Any]) -> StreamInfo:
    """Read an answer to `STREAM.INFO`.

    Raises:
        KeyError, ValueError: it is not one.
    """
    config, state = answer["config"], answer["state"]
    return StreamInfo(
        created=answer["created"],
        first_seq=state["first_seq"],
        last_seq=state["last_seq"],
        messages=state["messages"],
        bytes=state["bytes"],
        first_timestamp=seconds(state["first_ts"]),
        max_bytes=config["max_bytes"] if config["max_bytes"] > 0 else None,
        max_age=config["max_age"] / 1e9 if config["max_age"] else None,
        now=seconds(answer["ts"]),
        tail=_tail(state),
        deletions=state.get("num_deleted", 0),
        subjects=tuple(config.get("subjects") or ()),
    )


def _tail(state: Mapping[str, Any]) -> int:
    if not state["messages"]:
        return 0
    tail: int = state["last_seq"]
    deleted = frozenset(state.get("deleted") or ())
    while tail in deleted:
        tail -= 1
    return tail


def nanoseconds(timestamp: str) -> int:
    """Convert a time as the server writes it (RFC 3339, UTC, up to nine digits of a second) to nanoseconds since 1970.

    Raises:
        ValueError: It is not one.
    """
    until_dot, _, fraction = timestamp.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{until_dot}+00:00").timestamp()) * 1_000_000_000 + int(f"{fraction:0<9}")


def seconds(timestamp: str) -> float:
    """Convert a time as the server writes it (RFC 3339, nanoseconds) to seconds since 1970."""
    return datetime.fromisoformat(timestamp).timestamp()
