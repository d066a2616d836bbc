"""Create the streams in JetStream, and compare what is there with what must be.

A stream that exists is never changed behind its owner's back: what differs is reported, and changed only on request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fog_bus.filters import overlap
from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.streams import Difference, StreamSettings

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
_NEEDED: Final = frozenset({"subjects", "retention", "discard", *_OFF})
"""Counts depend on these, whatever the owner of a stream likes."""
_BUCKETS_OWN: Final = frozenset({"discard", "allow_msg_ttl", "allow_rollup_hdrs"})
"""`nats kv add` sets these, and one of them for good; the last value of a key depends on none."""
_NAMES: Final = {
    "max_age": "max_age",
    "max_bytes": "max_bytes",
    "max_per_subject": "max_msgs_per_subject",
    "replicas": "num_replicas",
    "storage": "storage",
}
"""The attributes of `StreamSettings` that an owner chooses, with the server's names."""


def jetstream_config(settings: StreamSettings) -> dict[str, Any]:
    """Write settings as JetStream's API does."""
    return {
        "name": settings.name,
        "subjects": list(settings.subjects),
        "retention": "limits",
        "discard": settings.discard,
        "max_age": round(settings.max_age * _NS),
        "max_bytes": -1 if settings.max_bytes is None else settings.max_bytes,
        "max_msgs": -1,
        "max_msgs_per_subject": settings.max_per_subject or -1,
        "max_msg_size": -1,
        "num_replicas": settings.replicas,
        "storage": settings.storage,
        "duplicate_window": round(_DUPLICATE_WINDOW * _NS),
    }


async def apply(jetstream: JetStream, settings: StreamSettings, *, update: bool = False) -> list[Difference]:
    """Create the stream if it does not exist, and tell what is wrong with the one that exists.

    May be called any number of times, by several at once.

    Args:
        jetstream: The API, with a credential that may create streams.
        settings: The stream must be like them.
        update: Changes what is different; then only what the server does not let change remains, as an error.

    Raises:
        JetStreamError: The server refused, or did not answer.
    """
    found = await find(jetstream, settings.name)
    if found is None:
        try:
            await jetstream.call(f"STREAM.CREATE.{settings.name}", jetstream_config(settings))
        except JetStreamError as error:
            if error.code != _NAME_IN_USE:  # someone else's, made a moment ago: compare
                raise
        found = await find(jetstream, settings.name) or {}
    check_ours(settings, found)
    found_differences = differences(settings, found)
    if not update or not found_differences:
        return found_differences
    changed = {**found, **{difference.setting: difference.wanted for difference in found_differences}}
    answer = await jetstream.call(f"STREAM.UPDATE.{settings.name}", changed)
    return differences(settings, answer["config"])


def check_ours(settings: StreamSettings, found: Mapping[str, Any]) -> None:
    """Check that a stream of this name takes some subject of ours: no stream is ever pointed at another's subjects.

    Raises:
        JetStreamError: It belongs to somebody else.
    """
    taken = found.get("subjects") or ()
    if taken and not any(overlap(one, wanted) for one in taken for wanted in settings.subjects):
        raise JetStreamError(
            f"the stream {settings.name} takes {', '.join(taken)}, and is left as it is: it belongs to another prefix, "
            "or to another path, that makes the same name"
        )


def differences(settings: StreamSettings, found: Mapping[str, Any]) -> list[Difference]:
    """Compare a stream's configuration, as JetStream's API tells it, with what counts need and what was asked for."""
    wanted = {**jetstream_config(settings), **dict.fromkeys(_OFF, False)}
    actual = {**dict.fromkeys(_OFF, False), **found}
    needed = _NEEDED - _BUCKETS_OWN if settings.is_bucket else _NEEDED
    compared = needed | {_NAMES[name] for name in settings.named}
    return [
        Difference(settings.name, setting, value, actual.get(setting))
        for setting, value in wanted.items()
        if setting in compared and _plain(actual.get(setting)) != _plain(value)
    ]


def _plain(value: Any) -> Any:
    """Make a value comparable: the order of subjects means nothing."""
    return sorted(value) if isinstance(value, list) else value


async def find(jetstream: JetStream, name: str) -> dict[str, Any] | None:
    """Return a stream's configuration as JetStream's API tells it; None when there is no such stream."""
    try:
        answer = await jetstream.call(f"STREAM.INFO.{name}")
    except JetStreamError as error:
        if error.missing and error.code:
            return None
        raise
    return dict(answer["config"])
