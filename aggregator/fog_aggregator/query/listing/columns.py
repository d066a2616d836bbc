"""Write a tree as columns: a hundred thousand places in few bytes, which a browser opens in milliseconds.

Places stand level by level, and in path order within a level: so the children of a place are a range of the next
level, and the places of a level are in the order in which a map shows them.
"""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

import numpy as np

from fog_aggregator.core.columns import Float64s, Int64s
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.query.nodes import NodeStates
from fog_schema.paths import Path, format_path

LETTERS: Final = dict(zip(Life, "lsdemqu", strict=True))
"""The letter of each state; a place without a node has a hyphen."""
NO_NODE: Final = "-"
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
"""The digits of how many characters a name shares with the one before it: a name has at most 64."""
_HALF: Final = 2.0**15
"""The largest magnitude in a layer: a half float has no power of two above it."""


@dataclass(frozen=True)
class Shape:
    """The places at and under a path, without their states.

    Attributes:
        under: The path.
        paths: The paths of the nodes, in order; those that were never heard are among them.
        levels: How many places each level has; the first is that of `under`, or of the first tokens.
        names: The last token of each place, shortened by what it shares with the one before it.
        children: How many children each place has, but for the last level's places, which have none.
        nodes: For each place, where its own node stands in `paths`; -1 without one.
    """

    under: Path
    paths: Sequence[Path]
    levels: Sequence[int]
    names: dict[str, str]
    children: Sequence[int]
    nodes: Int64s

    @cached_property
    def name(self) -> str:
        """Return a text that is the same for equal places, and hardly for any others."""
        text = f"{format_path(self.under)} {self.names} {self.children} {self.nodes.tobytes().hex()}"
        return blake2b(text.encode(), digest_size=8).hexdigest()


def shape_of(under: Path, paths: Sequence[Path]) -> Shape:
    """Find all places at and under a path.

    Args:
        under: The path; empty for all.
        paths: Of its nodes, ascending, each once.
    """
    lengths = np.fromiter(map(len, paths), np.int64, len(paths))
    common = np.fromiter((0, *(_common(*pair) for pair in pairwise(paths))), np.int64, max(1, len(paths)))[: len(paths)]
    names: list[str] = []
    levels: list[int] = []
    nodes: list[Int64s] = []
    children: list[int] = []
    above: Int64s | None = None
    for tokens in range(max(1, len(under)), int(lengths.max(initial=0)) + 1):
        heads = np.flatnonzero((common < tokens) & (lengths >= tokens))
        names += [paths[place][tokens - 1] for place in heads.tolist()]
        nodes.append(np.where(lengths[heads] == tokens, heads, -1))
        levels.append(len(heads))
        if above is not None:
            parents = np.searchsorted(above, heads, side="right") - 1
            children += np.bincount(parents, minlength=len(above)).tolist()
        above = heads
    return Shape(under, paths, levels, shortened(names), children, np.concatenate([np.zeros(0, np.int64), *nodes]))


def shortened(names: Iterable[str]) -> dict[str, str]:
    """Write names as two texts: how much each shares with the one before it, and the rest of each."""
    shared: list[str] = []
    rests: list[str] = []
    before = ""
    for name in names:
        same = _common(before, name) if name != before else min(len(name), len(_DIGITS) - 1)
        shared.append(_DIGITS[same])
        rests.append(name[same:])
        before = name
    return {"shared": "".join(shared), "rests": ",".join(rests)}


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the items at the beginning that are equal."""
    same = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        same += 1
    return same


def _with(present: Sequence[Path], places: Mapping[Path, int]) -> list[Path]:
    """Return ascending paths with further ones put in, each at its place among the first."""
    paths: list[Path] = []
    begun = 0
    for path, place in places.items():
        paths += present[begun:place]
        paths.append(path)
        begun = place
    return paths + list(present[begun:])


class Columns:
    """A tree as it was when it was looked at. Needs no lock.

    Args:
        under: The path at whose place it begins; empty for the whole.
        states: The nodes.
        missing: How many expected nodes were never heard, by path.
        known: The shape of the same place as it was before; taken over where it still is that.
        unread: How many nodes of branches are in no total, as nobody reads them, by path.
    """

    def __init__(
        self,
        under: Path,
        states: NodeStates,
        missing: Sequence[tuple[Path, int]],
        known: Shape | None = None,
        unread: Sequence[tuple[Path, int]] = (),
    ) -> None:
        span = states.tree.span(under)
        counts = states.counts[span.start : span.stop]
        present = states.tree.paths[span.start : span.stop]
        if not counts.all():
            present = [present[place] for place in np.flatnonzero(counts).tolist()]
        not_heard = {Life.MISSING: missing, Life.UNREAD: unread}
        absent = {path: life for life, of in not_heard.items() for path, _ in of if not states.tree.span(path)}
        places = {path: bisect_left(present, path) for path in sorted(absent)}
        paths = _with(present, places)
        self.shape = known if known is not None and known.paths == paths else shape_of(under, paths)
        lives = states.lives[span.start : span.stop][counts]
        self._lives = np.insert(lives, list(places.values()), [absent[path] for path in places])
        self._more = {
            life.label: [(path, (count - (absent.get(path) is life),)) for path, count in of]
            for life, of in not_heard.items()
        }
        self._branches = {states.tree.paths[place]: found for place, found in states.branches.items() if place in span}

    @property
    def states(self) -> str:
        """Return a letter for the node of each place."""
        table = np.frombuffer("".join((*LETTERS.values(), NO_NODE)).encode(), np.uint8)
        lives = np.append(self._lives, len(LETTERS))  # the last one is what -1 finds: no node
        letters: bytes = table[lives[self.shape.nodes]].tobytes()
        return letters.decode()

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        shape = self.shape
        return {
            "path": format_path(shape.under),
            "shape": shape.name,
            "levels": list(shape.levels),
            "names": shape.names,
            "children": list(shape.children),
            "states": self.states,
            "letters": {letter: life.label for life, letter in LETTERS.items()} | {NO_NODE: ""},
            "branches": self._listed(sorted(self._branches.items())),
            **{name: self._listed(one for one in of if any(one[1])) for name, of in self._more.items()},
        }

    def _listed(self, found: Iterable[tuple[Path, Sequence[int]]]) -> list[dict[str, Any]]:
        return [{"path": format_path(path), "nodes": list(counts)} for path, counts in found]


def layer(shape: Shape, value_of: Callable[[Path], float | None], *, precise: bool) -> dict[str, Any]:
    """Write one value for each node as a column: base64 of little-endian floats, NaN without one.

    Args:
        shape: The places.
        value_of: Returns the value at a path.
        precise: In 32 bits each, else in 16; both are to be multiplied by `scale`.
    """
    values = np.array([value_of(path) for path in shape.paths], np.float64)  # None becomes NaN
    values = np.append(values, np.nan)[shape.nodes]
    scale = scale_of(values)
    column = (values / scale).astype("<f4" if precise else "<f2")
    return {"type": "float32" if precise else "float16", "scale": scale, "data": b64encode(column.tobytes()).decode()}


def scale_of(values: Float64s) -> float:
    """Return the power of two that brings the largest magnitude near the top of what a half float holds."""
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return float(2.0 ** np.clip(np.ceil(np.log2(largest / _HALF)), -1000, 1000)) if largest else 1.0
