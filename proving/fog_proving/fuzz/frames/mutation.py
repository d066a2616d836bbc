"""Change attacks at random, knowing what they are made of: steps, arrays of msgpack, packed definitions, columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final, TypeAlias

import msgpack

from fog_proving.fuzz.frames.messages import MOST_STEPS, PLACES, TICK, Step

_INTEGERS: Final = [
    *(0, 1, 2, 3, 127, 128, 255, 256, 32_767, 65_535, 65_536, 20_000, 2**31 - 1, 2**31, 2**32 - 1, 2**32),
    *(2**53, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -1, -2, -128, -(2**31), -(2**63)),
]
_FLOATS: Final = [0.0, -0.0, 0.5, -1.5, 1e-300, 5e-324, 1.7e308, -1.7e308, 2.0**63, float("inf"), float("nan")]
_TEXTS: Final = ["", "fog_forget", "fog_x_total", "le", "a_total", "a_bucket", "a", "\x00", "é", "x" * 257, "fog_path"]
_BYTES: Final = [0x00, 0x01, 0x7F, 0x80, 0xFF]
_CODES: Final = 14
_PACKED: Final = (10, 11, 12, 13, 32, 33, 34, 39, 47, 63, 64, 65, 0x8F)
"""First bytes of packed columns, and of what is none."""
_SEQ: Final = 5
"""Where a frame's array has its number."""

Place: TypeAlias = tuple[Any, Any]
"""A list or a mapping, and where in it a value is."""


class Packed(list[Any]):
    """A value that travels as msgpack within a binary."""


def mutate(steps: Sequence[Step], random: Random, pool: Sequence[Sequence[Step]]) -> list[Step]:
    """Return an attack that differs a little.

    Args:
        steps: The attack.
        random: Chooses.
        pool: Attacks whose steps may be taken.
    """
    changed = list(steps) or list(random.choice(pool))
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        if random.random() < 0.4:
            changed = random.choice(_OF_STEPS)(changed, random, pool)
        elif changed:
            at = random.randrange(len(changed))
            changed[at] = replace(changed[at], data=mutate_message(changed[at].data, random))
    return changed[-MOST_STEPS:]


def mutate_message(data: bytes, random: Random) -> bytes:
    """Return a message that differs in one value, or in some bytes."""
    tree = _opened(data)
    if not isinstance(tree, list) or random.random() < 0.05:
        return _changed_bytes(data, random)
    places = list(_places(tree))
    if places:
        within, key = random.choice(places)
        _change(within, key, places, random)
    try:
        return _closed(tree)
    except (ValueError, OverflowError, TypeError, RecursionError):
        return data


def _opened(data: bytes) -> Any:
    """Return what bytes hold, with what is packed inside; the bytes where they are nothing."""
    try:
        found = msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape")
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError):
        return data
    return _opened_inside(found)


def _opened_inside(value: Any) -> Any:
    if isinstance(value, bytes) and len(value) > 1:
        inner = _opened(value)
        return Packed([inner]) if isinstance(inner, list | dict) else value
    if isinstance(value, list):
        return [_opened_inside(one) for one in value]
    if isinstance(value, dict):
        return {key: _opened_inside(one) for key, one in value.items()}
    return value


def _closed(tree: Any) -> bytes:
    data: bytes = msgpack.packb(_closed_inside(tree), unicode_errors="surrogateescape")
    return data


def _closed_inside(value: Any) -> Any:
    if isinstance(value, Packed):
        return _closed(value[0]) if value else b""
    if isinstance(value, list):
        return [_closed_inside(one) for one in value]
    if isinstance(value, dict):
        return {key: _closed_inside(one) for key, one in value.items()}
    return value


def _places(value: Any) -> Iterator[Place]:
    """Yield every place in a tree."""
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, one in items:
        yield value, key
        yield from _places(one)


def _change(within: Any, key: Any, places: Sequence[Place], random: Random) -> None:
    """Change the value at a place, or the place."""
    value, chance = within[key], random.random()
    if chance < 0.1:
        other, where = random.choice(places)
        within[key] = other[where]
    elif chance < 0.15:
        del within[key]
    elif chance < 0.2 and isinstance(within, list):
        within.insert(key, value)
    elif chance < 0.2:
        within[random.randrange(16)] = value
    elif isinstance(value, list) and len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], bytes):
        _change_column(value, random)
    else:
        within[key] = _other(value, random)


def _change_column(column: list[Any], random: Random) -> None:
    if random.random() < 0.5:
        column[0] = random.randrange(_CODES)
    else:
        column[1] = _changed_bytes(column[1], random)


def _other(value: Any, random: Random) -> Any:
    """Return another value, mostly of the same type."""
    change = next((one for type_, one in _OF_TYPE.items() if isinstance(value, type_)), None)
    if change is None or random.random() < 0.05:
        return random.choice((None, True, 0, -1, 1.5, "", b"", [], {}))
    return change(value, random)


def _other_integer(value: int, random: Random) -> int:
    nearby = value + random.choice((-1, 1, 1, 1, 2, 64))
    return random.choice((nearby, random.choice(_INTEGERS), value ^ (1 << random.randrange(63))))


def _changed_bytes(data: bytes, random: Random) -> bytes:
    changed, way = bytearray(data), random.randrange(6)
    if way == 0 or not changed:
        changed += bytes(random.choice(_BYTES) for _ in range(random.choice((1, 2, 8))))
    elif way == 1:
        del changed[random.randrange(len(changed)) :]
    elif way == 2:
        changed += changed[:4096]
    elif way == 3:
        changed[0] = random.choice(_PACKED)
    else:
        at = random.randrange(len(changed))
        changed[at] = random.choice((random.choice(_BYTES), changed[at] ^ (1 << random.randrange(8))))
    return bytes(changed)


_OF_TYPE: Final[Mapping[type, Callable[[Any, Random], Any]]] = {
    int: _other_integer,
    float: lambda value, random: random.choice((random.choice(_FLOATS), -value, value * 2)),
    str: lambda value, random: random.choice((random.choice(_TEXTS), value[::-1], value + "x")),
    bytes: _changed_bytes,
    list: lambda value, random: random.choice((value[::-1], value + value[:64], value[:1], [])),
}


def _sequel(steps: list[Step], random: Random, _: Sequence[Sequence[Step]]) -> list[Step]:
    """Send a message once more, as the next one of its writer."""
    if not steps:
        return steps
    at = random.randrange(len(steps))
    tree = _opened(steps[at].data)
    if not isinstance(tree, list) or len(tree) <= _SEQ or type(tree[_SEQ]) is not int:
        return steps
    tree[_SEQ] = (tree[_SEQ] + random.choice((1, 1, 1, 2))) % 2**64
    return [*steps[: at + 1], replace(steps[at], data=_closed(tree)), *steps[at + 1 :]]


def _take(steps: list[Step], random: Random, pool: Sequence[Sequence[Step]]) -> list[Step]:
    at = random.randint(0, len(steps))
    return [*steps[:at], *random.choice(pool), *steps[at:]]


def _drop(steps: list[Step], random: Random, _: Sequence[Sequence[Step]]) -> list[Step]:
    at = random.randrange(len(steps)) if steps else 0
    return steps[:at] + steps[at + 1 :]


def _swap(steps: list[Step], random: Random, _: Sequence[Sequence[Step]]) -> list[Step]:
    return random.sample(steps, len(steps)) if len(steps) < 4 else steps[2:] + steps[:2]


def _elsewhere(steps: list[Step], random: Random, _: Sequence[Sequence[Step]]) -> list[Step]:
    if not steps:
        return steps
    at = random.randrange(len(steps))
    moved = replace(steps[at], place=random.randrange(len(PLACES)), kind=random.choice((steps[at].kind, 0, 2)))
    return [*steps[:at], moved, *steps[at + 1 :]]


def _wait(steps: list[Step], random: Random, _: Sequence[Sequence[Step]]) -> list[Step]:
    at = random.randint(0, len(steps))
    return [*steps[:at], Step(TICK, seconds=random.choice((1, 1, 10, 60, 3_600))), *steps[at:]]


_OF_STEPS: Final[Sequence[Callable[[list[Step], Random, Sequence[Sequence[Step]]], list[Step]]]] = (
    _sequel,
    _sequel,
    _sequel,
    _take,
    _drop,
    _swap,
    _elsewhere,
    _wait,
)
