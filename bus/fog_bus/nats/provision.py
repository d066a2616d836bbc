"""The streams that keep frames, events and rollups, and what they must be like.

A stream that exists is never changed behind its owner's back: what differs is reported, and changed only on request.

Why `discard="old"`: a stream is a buffer for readers that were away, nothing more; counts live in the nodes' epochs
and in the checkpoint. Full and `old`, it forgets frames that were mostly read long ago; whoever had not read them sees
gaps by epoch and seq, and a keyframe repairs those. Full and `new`, it would refuse the newest frames of the whole
fleet for the sake of old ones: a fleet that writes its gigabyte in an hour would go dark for three days. Both lose what
a writer that has ended said last; `old` only when the reader was away for all that the stream holds, and `until_gap`
tells how long that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fog_bus.nats.api import JetStream, JetStreamError
from fog_schema.subjects import Subjects

METRICS: Final = "FOG_METRICS"
EVENTS: Final = "FOG_EVENTS"
ROLLUPS: Final = "FOG_ROLLUPS"
DAY: Final = 86_400.0
MAX_AGE: Final = 3 * DAY
_GIB: Final = 1024**3
_NS: Final = 1_000_000_000
_DUPLICATE_WINDOW: Final = 0.1
"""Nobody sends message ids; this is the least the server takes, and it costs memory for each id."""
_NAME_IN_USE: Final = 10058
_OFF: Final = (
    "allow_atomic",
    "allow_msg_counter",
    "allow_msg_schedules",
    "allow_msg_ttl",
    "allow_rollup_hdrs",
    "no_ack",
    "sealed",
)
"""With any of these a publisher's headers, or nobody's acknowledgement, would decide what the stream holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What a stream must be like.

    Args:
        name: Its name.
        subjects: What it takes.
        max_age: Seconds that it keeps a message; the aggregator's horizon must be twice that.
        max_bytes: Its size at most, None for no limit. The server reserves it at once, and refuses if it has less.
        replicas: 1, or 3 or 5 in a cluster.
        storage: Where it lies.
        discard: Whether a full stream forgets its oldest messages or refuses new ones; why old: see the module.
    """

    name: str
    subjects: tuple[str, ...]
    max_age: float = MAX_AGE
    max_bytes: int | None = _GIB
    replicas: int = 1
    storage: Literal["file", "memory"] = "file"
    discard: Literal["old", "new"] = "old"

    def config(self) -> dict[str, Any]:
        """The settings as JetStream's API writes them."""
        return {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": "limits",
            "discard": self.discard,
            "max_age": round(self.max_age * _NS),
            "max_bytes": -1 if self.max_bytes is None else self.max_bytes,
            "max_msgs": -1,
            "max_msgs_per_subject": -1,  # costs 30 % of the server's CPU
            "max_msg_size": -1,
            "num_replicas": self.replicas,
            "storage": self.storage,
            "duplicate_window": round(_DUPLICATE_WINDOW * _NS),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing stream that is not what it must be; values as JetStream's API writes them."""

    stream: str
    setting: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.stream}: {self.setting} is {self.found!r} and should be {self.wanted!r}"


def metrics_stream(subjects: Subjects, **others: Any) -> StreamSettings:
    """The stream of frames: three days, a gibibyte; `others` as in `StreamSettings`."""
    return StreamSettings(name=METRICS, subjects=tuple(subjects.subtree("metrics")), **others)


def events_stream(subjects: Subjects, **others: Any) -> StreamSettings:
    """The stream of events: three days, a quarter of a gibibyte; `others` as in `StreamSettings`."""
    return StreamSettings(name=EVENTS, subjects=tuple(subjects.subtree("events")), **{"max_bytes": _GIB // 4, **others})


def rollups_stream(subjects: Subjects, **others: Any) -> StreamSettings:
    """The stream of rollups: three days, a quarter of a gibibyte; `others` as in `StreamSettings`."""
    return StreamSettings(
        name=ROLLUPS, subjects=tuple(subjects.subtree("rollups")), **{"max_bytes": _GIB // 4, **others}
    )


async def apply(jetstream: JetStream, settings: StreamSettings, *, update: bool = False) -> list[Difference]:
    """Creates the stream if there is none, and tells what is different about the one that exists.

    May be called any number of times, by several at once.

    Args:
        jetstream: The API, with a credential that may create streams.
        settings: What the stream must be like.
        update: Changes what is different; then only what the server does not let change remains, as an error.

    Raises:
        JetStreamError: The server refused, or did not answer.
    """
    found = await _config(jetstream, settings.name)
    if found is None:
        try:
            await jetstream.call(f"STREAM.CREATE.{settings.name}", settings.config())
        except JetStreamError as error:
            if error.code != _NAME_IN_USE:  # someone else's, made a moment ago: compare
                raise
        found = await _config(jetstream, settings.name) or {}
    found_differences = differences(settings, found)
    if not update or not found_differences:
        return found_differences
    changed = {**found, **{difference.setting: difference.wanted for difference in found_differences}}
    answer = await jetstream.call(f"STREAM.UPDATE.{settings.name}", changed)
    return differences(settings, answer["config"])


def differences(settings: StreamSettings, found: Mapping[str, Any]) -> list[Difference]:
    """Compares settings with a stream's configuration as JetStream's API tells it."""
    wanted = {**settings.config(), **dict.fromkeys(_OFF, False)}
    actual = {**dict.fromkeys(_OFF, False), **found}
    return [
        Difference(settings.name, setting, value, actual.get(setting))
        for setting, value in wanted.items()
        if _plain(actual.get(setting)) != _plain(value)
    ]


def _plain(value: Any) -> Any:
    """The order of subjects means nothing."""
    return sorted(value) if isinstance(value, list) else value


async def _config(jetstream: JetStream, name: str) -> dict[str, Any] | None:
    try:
        answer = await jetstream.call(f"STREAM.INFO.{name}")
    except JetStreamError as error:
        if error.missing and error.code:
            return None
        raise
    return dict(answer["config"])
