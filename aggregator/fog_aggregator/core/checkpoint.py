"""Frame what the parts of an aggregator save as one unit with the positions in the streams (R12.32), and read it back.

Each part says beside its fields how it is saved; here are the file's frame, version and checksum, and the migration of
earlier versions. The file is: magic, length of the index, the index (msgpack: version, plain values, and where each
array is), the arrays, a BLAKE2b checksum of all of it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

import msgpack
import numpy as np

from fog_aggregator.core import checkpoint_4, checkpoint_5, checkpoint_6
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.saved import DamagedError, Part, Saved, as_integer, as_list, as_mapping, as_path, as_text
from fog_bus.ports import Position
from fog_schema.paths import Path

AWAITED: Final = "awaited"
"""The part that tells which writers' events are awaited. A checkpoint may lack it: it came after others."""
MAGIC: Final = b"FOGCKPT1"
VERSION: Final = 7
_LENGTH: Final = struct.Struct("<Q")
_DIGEST_SIZE: Final = 16
_MIGRATIONS: Final = {4: checkpoint_4.migrate, 5: checkpoint_5.migrate, 6: checkpoint_6.migrate}
START_BYTES: Final = 64
"""So much of a file tells its version."""

Arrays: TypeAlias = dict[str, np.ndarray]
Plain: TypeAlias = dict[str, Any]
Scope: TypeAlias = tuple[str, Path, tuple[Path, ...]]
"""Subject prefix, subtree, and the branches of it that come as rollups."""


class CheckpointError(ValueError):
    """Bytes that are not a usable checkpoint; the text says why."""


class LaterVersionError(Exception):
    """A checkpoint that a later version of the program has written: nothing is wrong with it.

    Args:
        version: The checkpoint's.
        name: The checkpoint's, for people, where it is known.
    """

    def __init__(self, version: int, name: str = "") -> None:
        text = f"it is of version {version}, and this program reads versions up to {VERSION}"
        super().__init__(f"{name}: {text}" if name else text)


class Writable(Protocol):
    """A checkpoint that can be written."""

    def chunks(self) -> Iterable[bytes | memoryview]:
        """Return the bytes of the file, piece by piece."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The bytes of a checkpoint: they stay what they are when the state goes on."""

    data: bytes

    def chunks(self) -> Iterable[bytes]:
        """Return the bytes of the file."""
        return (self.data,)


@dataclass(slots=True)
class Image:
    """A state at one moment. The tables' columns are the state's own: write them before it changes, or in a fork."""

    plain: Plain
    arrays: Arrays

    @property
    def scope(self) -> Scope:
        """The scope of the aggregator that it is of."""
        prefix, subtree, branches = self.plain["scope"]
        return as_text(prefix), as_path(subtree), tuple(map(as_path, as_list(branches)))

    def chunks(self) -> Iterable[bytes | memoryview]:
        """Return the bytes of the file, piece by piece."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        index = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
        head: bytes = msgpack.packb({"version": VERSION, "plain": self.plain, "arrays": index})
        digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
        start: list[bytes | memoryview] = [MAGIC, _LENGTH.pack(len(head)), head]
        for chunk in start + [array.data.cast("B") for array in arrays.values() if array.size]:
            digest.update(chunk)
            yield chunk
        yield digest.digest()


def packed(image: Writable) -> Packed:
    """Return what `image` is now as bytes, which takes 4 ms a MB."""
    return Packed(b"".join(image.chunks()))


def claimed_version(start: bytes) -> int:
    """Read the version that a file claims to be of; 0 when it does not begin as a checkpoint must.

    Magic, length and an index whose first entry is the version stand at the beginning in every version.

    Args:
        start: The file's first bytes, `START_BYTES` of them.
    """
    unpacker = msgpack.Unpacker()
    unpacker.feed(start[len(MAGIC) + _LENGTH.size :])
    try:
        if start[: len(MAGIC)] == MAGIC and unpacker.read_map_header() and unpacker.unpack() == "version":
            version = unpacker.unpack()
            return version if isinstance(version, int) else 0
    except (ValueError, msgpack.UnpackException):
        pass
    return 0


def check_whole(data: bytes) -> None:
    """Check that bytes are a whole checkpoint, of any version.

    Raises:
        CheckpointError: They are not.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise CheckpointError("it does not begin as a checkpoint must")
    body, checksum = memoryview(data)[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest() != checksum:
        raise CheckpointError("its checksum is wrong: it is damaged or was not written to its end")


@contextmanager
def decoding() -> Iterator[None]:
    """Turn what decoding raises on a wrong inside (a missing key, a wrong type or length) into CheckpointError.

    The checksum tells what a disk has done; a wrong inside is the work of a program.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"it is whole, but its inside is wrong: {error!r}") from error


def read_image(data: bytes) -> Image:
    """Read the image in a file's bytes.

    Raises:
        CheckpointError: when they are damaged, or of an earlier version that is not read.
        LaterVersionError: when they are of a later version.
    """
    check_whole(data)
    version = claimed_version(data[:START_BYTES])
    if version > VERSION:
        raise LaterVersionError(version)
    with decoding():
        return _decode(data)


def _decode(data: bytes) -> Image:
    at = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(data[len(MAGIC) : at])
    head = msgpack.unpackb(data[at : at + length], strict_map_key=False)
    at += length
    arrays = {}
    for name, dtype, shape in head["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays[as_text(name)] = np.frombuffer(data, np.dtype(dtype), count, at).reshape(shape).copy()
        at += arrays[name].nbytes
    if at != len(data) - _DIGEST_SIZE:
        raise CheckpointError(f"it has {len(data) - _DIGEST_SIZE - at} bytes of which its index says nothing")
    plain = as_mapping(head["plain"])
    if head["version"] not in (*_MIGRATIONS, VERSION):
        raise CheckpointError(f"it is of version {head['version']}, this program reads versions 4 to {VERSION}")
    for version in range(head["version"], VERSION):
        plain, arrays = _MIGRATIONS[version](plain, arrays)
    return Image(plain, arrays)


def take_image(
    fleet: Fleet,
    events: EventList,
    ratchet: Part,
    streams: Mapping[str, Position],
    scope: Scope,
    others: Mapping[str, Part] = MappingProxyType({}),
) -> Image:
    """Return everything that must survive.

    Args:
        fleet: what was read.
        events: the list of events.
        ratchet: what was exported of fractional counters.
        streams: how far each stream was read.
        scope: what it is of; a checkpoint of another scope is another fleet.
        others: more parts, by name.
    """
    parts = fleet.image() | {"events": events.image(), "ratchet": ratchet.image()}
    parts[AWAITED] = events.awaited.image()
    parts |= {name: part.image() for name, part in others.items()}
    plain = {
        "scope": scope,
        "streams": {name: tuple(position) for name, position in streams.items()},
        "parts": {name: part.plain for name, part in parts.items()},
    }
    return Image(plain, {f"{name}/{key}": array for name, part in parts.items() for key, array in part.arrays.items()})


def restore(
    image: Image, fleet: Fleet, events: EventList, ratchet: Part, others: Mapping[str, Part] = MappingProxyType({})
) -> dict[str, Position]:
    """Put an image into an empty fleet, event list and ratchet; return how far the streams were read.

    Each of `others` takes over what was saved under its name, in place of what it has. A part that the image does not
    have stays as it is: a program wrote it that did not know the part. An error leaves all of `others` as they were.

    Raises:
        CheckpointError: the image is not what `take_image` returns.
    """
    with decoding():
        parts = {as_text(name): Saved(as_mapping(plain)) for name, plain in as_mapping(image.plain["parts"]).items()}
        for name, array in image.arrays.items():
            part, _, key = name.partition("/")
            parts.setdefault(part, Saved()).arrays[key] = array
        fleet.restore(parts)
        events.restore(parts["events"])
        if AWAITED in parts:
            events.awaited.restore(parts[AWAITED])
        ratchet.restore(parts["ratchet"])
        positions = {as_text(name): _position(mark) for name, mark in as_mapping(image.plain["streams"]).items()}
        _restore_all({name: other for name, other in others.items() if name in parts}, parts)
        return positions


def _restore_all(others: Mapping[str, Part], parts: Mapping[str, Saved]) -> None:
    """Restore parts: all of them, or none when one is damaged."""
    before = {name: other.image() for name, other in others.items()}
    try:
        for name, other in others.items():
            other.restore(parts[name])
    except BaseException:
        for name, other in others.items():
            other.restore(before[name])
        raise


def _position(value: Any) -> Position:
    """Check that a value is how far a stream was read."""
    if len(as_list(value)) != len(Position._fields):
        raise DamagedError(f"{value!r} is not a position in a stream")
    created, seq, timestamp = value
    return Position(as_text(created), as_integer(seq), as_integer(timestamp))
