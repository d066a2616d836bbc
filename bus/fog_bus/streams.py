"""The streams that keep frames, events, rollups and commands, and what they must be like.

Why `discard="old"`: a stream is a buffer for readers that were away, nothing more; counts live in the nodes' epochs
and in the checkpoint. Full and `old`, it forgets frames that were mostly read long ago; a reader that had not read them
sees gaps by epoch and seq, and a keyframe repairs those. Full and `new`, it would refuse the newest frames of the whole
fleet for the sake of old ones: a fleet that writes its gigabyte in an hour would go dark for three days. Both lose the
last frames of a writer that has ended; `old` only when the reader was away for all that the stream holds, and
`until_gap` tells how long that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from fog_schema.paths import Path
from fog_schema.subjects import Subjects

KINDS: Final = ("metrics", "events", "rollups", "control")
OLD_NAMES: Final = {kind: f"FOG_{kind.upper()}" for kind in KINDS}
"""Names that streams of any prefix had in earlier versions: one that exists is read and kept under its name."""
DAY: Final = 86_400.0
MAX_AGE: Final = 3 * DAY
COMMANDS_MAX_AGE: Final = 90 * DAY
"""Longer than the others: an aggregator that begins anew learns from the stream which silences are active."""
_GIB: Final = 1024**3
_BUCKETS: Final = "$KV."
_READERS: Final = 8
"""Of one stream, for all aggregators of a subtree: a pair, what both left behind, questions about the past."""


def stream_name(kind: str, subjects: Subjects, path: Path = ()) -> str:
    """Return the name of the stream of a kind, of a prefix and of a subtree: FOG_V1_METRICS, FOG_V1_METRICS_fog_0.

    Two prefixes, or two paths, may have one name, as a_b and a.b have: whoever makes a stream must see that the one of
    its name is its own.
    """
    return "_".join((subjects.prefix.upper().replace(".", "_"), kind.upper(), *path))


METRICS, EVENTS, ROLLUPS, CONTROL = (stream_name(kind, Subjects()) for kind in KINDS)
"""The names of the streams of a whole fog whose subjects have the usual prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """The settings that a stream must have.

    Args:
        name: Its name.
        subjects: The subjects that it takes, as filters.
        max_age: Seconds that it keeps a message; the aggregator's horizon must be twice that.
        max_bytes: Its size at most, None for no limit. NATS reserves it at once, and refuses if it has less.
        replicas: 1, or 3 or 5 in a cluster.
        storage: Where it lies.
        discard: Whether a full stream forgets its oldest messages or refuses new ones; why old: see the module.
        max_per_subject: Messages that it keeps of one subject, the newest; None for no limit. Without one the loudest
            writer decides what the stream keeps of all others.
        named: The attributes that somebody asked for. The others are for a stream that is made: one that exists may
            differ in them, as its owner has chosen them and no count depends on them.
    """

    name: str
    subjects: tuple[str, ...]
    max_age: float = MAX_AGE
    max_bytes: int | None = _GIB
    replicas: int = 1
    storage: Literal["file", "memory"] = "file"
    discard: Literal["old", "new"] = "old"
    max_per_subject: int | None = None
    named: frozenset[str] = frozenset()

    @property
    def is_bucket(self) -> bool:
        """Whether a bucket of keys lies in it."""
        return self.subjects[0].startswith(_BUCKETS)


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing stream that is not what it must be; values as the server writes them."""

    stream: str
    setting: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.stream}: {self.setting} is {self.found!r} and should be {self.wanted!r}"


def reader_names(path: Path) -> tuple[str, ...]:
    """Return the names that readers of a stream have which belong to the aggregators of a subtree; none for the whole.

    A server's permissions know no beginnings of names, so the names are few and fixed: a user can have no more readers
    than these, and can touch no other's. No path has a `~` or a `+`, so the names of two paths are different ones.
    """
    return tuple(f"{'~'.join(path)}+{number}" for number in range(_READERS)) if path else ()


def metrics_stream(subjects: Subjects, path: Path = (), **others: Any) -> StreamSettings:
    """Return the settings of a stream of a subtree's frames: three days, a gibibyte; `others`: see `StreamSettings`."""
    return _stream("metrics", subjects, path, **others)


def events_stream(subjects: Subjects, path: Path = (), **others: Any) -> StreamSettings:
    """Return the settings of a stream of a subtree's events: three days, a quarter of a gibibyte; `others` likewise."""
    return _stream("events", subjects, path, **{"max_bytes": _GIB // 4, **others})


def rollups_stream(subjects: Subjects, **others: Any) -> StreamSettings:
    """Return the settings of the stream of rollups: three days, a quarter of a gibibyte; `others` likewise."""
    return _stream("rollups", subjects, **{"max_bytes": _GIB // 4, **others})


def control_stream(subjects: Subjects, **others: Any) -> StreamSettings:
    """Return the settings of the stream of commands: 90 days, 16 MiB, some 100,000 of them; `others` likewise.

    Full, it refuses new commands and keeps the old ones. A client that may publish at all can have the server's
    acknowledgements stored here, as it does not check where an answer goes: a flood must not push commands out.
    """
    settings = {"max_age": COMMANDS_MAX_AGE, "max_bytes": _GIB // 64, "discard": "new", **others}
    return _stream("control", subjects, **settings)


def bucket_stream(bucket: str) -> str:
    """Return the name of the stream that a bucket of NATS is."""
    return f"KV_{bucket}"


def leases_bucket(subjects: Subjects) -> str:
    """Return the name of the bucket that says who of a pair sends to a receiver."""
    return stream_name("leases", subjects)


def leases_stream(subjects: Subjects, **others: Any) -> StreamSettings:
    """Return the settings of the stream of that bucket: the last word about each receiver; `others` likewise."""
    bucket = leases_bucket(subjects)
    settings = {"max_age": COMMANDS_MAX_AGE, "max_bytes": _GIB // 1024, "max_per_subject": 1, **others}
    return StreamSettings(name=bucket_stream(bucket), subjects=(f"{_BUCKETS}{bucket}.>",), **settings)


def _stream(kind: str, subjects: Subjects, path: Path = (), **others: Any) -> StreamSettings:
    return StreamSettings(
        name=stream_name(kind, subjects, path), subjects=tuple(subjects.subtree(kind, path)), **others
    )
