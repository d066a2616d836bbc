"""Find nodes by text, state and order, page by page: any of a hundred thousand is reached."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.query.nodes import NodeStates
from fog_schema.paths import Path, format_path

PATH, WORST, LONGEST = "path", "worst", "silence"
ORDERS: Final = (PATH, WORST, LONGEST)
"""In the order of paths; by state, the worst first, and then the longest silent; the longest silent first."""
RETIRED_LABEL: Final = "retired"
RETIRED: Final = len(Life)
"""Stands where a life does, for a group of retired nodes."""
_WORST_FIRST: Final = (
    Life.DEPARTED,
    Life.MISSING,
    Life.UNREAD,
    Life.QUARANTINED,
    Life.STALE,
    Life.ENDED,
    Life.LIVE,
)
_RANKS: Final = np.array([*(_WORST_FIRST.index(life) for life in Life), len(Life)], np.float64)
MOST_WORDS: Final = 8
_KEY: Final = re.compile(r"([^=]{1,256})=(.*)", re.DOTALL)


class Mark(NamedTuple):
    """The place of a row in an order: what it is sorted by, and its path."""

    first: float
    second: float
    path: Path


def format_cursor(order: str, mark: Mark) -> str:
    """Write a mark as text, which says no more than its row does."""
    return f"{order}/{mark.first!r}/{mark.second!r}/{format_path(mark.path)}"


def parse_cursor(text: str) -> tuple[str, Mark]:
    """Read what `format_cursor` wrote.

    Raises:
        ValueError: It is none.
    """
    order, _, rest = text.partition("/")
    first, _, rest = rest.partition("/")
    second, _, where = rest.partition("/")
    mark = Mark(float(first), float(second), tuple(where.split("/")))
    if format_cursor(order, mark) != text:
        raise ValueError("it was written otherwise")
    return order, mark


@dataclass(frozen=True, slots=True)
class Text:
    """Words that are looked for, all of them. In a word `*` stands for any characters.

    Attributes:
        paths: The pieces of each word that a path must have, in their order.
        info: The same for what a node tells for a key.
    """

    paths: Sequence[Sequence[str]]
    info: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, text: str) -> Text:
        """Read words: `r07` is part of a path, `version=2.*` is what a node tells.

        Raises:
            ValueError: There are too many words.
        """
        words = text.split()
        if len(words) > MOST_WORDS:
            raise ValueError(f"{len(words)} words: at most {MOST_WORDS} are looked for")
        of_info = [found for word in words if (found := _KEY.fullmatch(word))]
        return cls(
            [_pieces(word) for word in words if not _KEY.fullmatch(word)],
            {found[1]: found[2].split("*") for found in of_info},
        )

    def in_paths(self, texts: Sequence[str]) -> list[int]:
        """Return the places of the paths that have all words."""
        found: Sequence[int] = range(len(texts))
        for pieces in self.paths:
            longest = max(pieces, key=len)  # most paths do not have it, and this is the quickest to see
            found = [place for place in found if longest in texts[place]]
            if len(pieces) > 1:
                found = [place for place in found if has_pieces(texts[place], pieces)]
        return list(found)


def _pieces(word: str) -> list[str]:
    return [piece for piece in word.split("*") if piece] or [""]


def has_pieces(text: str, pieces: Sequence[str]) -> bool:
    """Tell whether a text has all pieces, one after the other."""
    at = 0
    for piece in pieces:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def is_like(text: str, pieces: Sequence[str]) -> bool:
    """Tell whether a text is, from its beginning to its end, these pieces with anything between them."""
    first, *rest = pieces
    if not rest:
        return text == first
    end = len(text) - len(rest[-1])
    if not (text.startswith(first) and text.endswith(rest[-1]) and len(first) <= end):
        return False
    return has_pieces(text[len(first) : end], rest[:-1])


class Candidates:
    """The nodes at and under a path, as they were at one moment, and those that are not known. Needs no lock.

    Args:
        under: The path.
        states: The nodes.
        absent: How many nodes were never heard, or are not read, by their place and which of both.
    """

    def __init__(self, under: Path, states: NodeStates, absent: Mapping[tuple[Path, Life], int]) -> None:
        span = states.tree.span(under)
        here = slice(span.start, span.stop)
        ordered = sorted(absent)
        missing = [path for path, _ in ordered]
        self.paths: Sequence[Path] = [*states.tree.paths[here], *missing]
        self.texts: Sequence[str] = [*states.tree.texts[here], *map(format_path, missing)]
        lives = np.where(states.counts[here], states.lives[here], RETIRED)
        self.lives: Int64s = np.concatenate([lives, np.array([life for _, life in ordered], np.int64)])
        self.last_seen: Float64s = np.concatenate([states.heard_at[here], np.full(len(missing), -np.inf)])
        self._known = len(lives)
        self._nodes = np.concatenate([np.ones(self._known), [absent[one] for one in ordered]])
        self._position: Float64s = np.concatenate([np.arange(self._known), [self._between(path) for path in missing]])

    def matching(self, text: Text, info_of: Callable[[str, Sequence[Path]], Sequence[str]]) -> Bools:
        """Tell which of them have all words.

        Args:
            text: The words.
            info_of: Returns what the nodes at some paths tell for a key.
        """
        places = text.in_paths(self.texts)
        for key, pieces in text.info.items():
            values = info_of(key, [self.paths[place] for place in places])
            likes = {value: is_like(value, pieces) for value in set(values)}
            places = [place for place, value in zip(places, values, strict=True) if likes[value]]
        found = np.zeros(len(self.paths), np.bool_)
        found[places] = True
        return found

    def is_absent(self, place: int) -> bool:
        """Tell whether one of them is not known: it was never heard, or is not read."""
        return place >= self._known

    def in_states(self, labels: Collection[str]) -> Bools:
        """Tell which of them are in one of some states; without any, all but those that are not known."""
        if not labels:
            found: Bools = np.arange(len(self.paths)) < self._known
            return found
        wanted = [RETIRED if label == RETIRED_LABEL else Life[label.upper()] for label in labels]
        return np.isin(self.lives, wanted)

    def counts(self, chosen: Bools) -> dict[str, int]:
        """Count the nodes of the chosen ones by state."""
        by_life = np.bincount(self.lives[chosen], self._nodes[chosen], RETIRED + 1).astype(np.int64).tolist()
        labels = (*(life.label for life in Life), RETIRED_LABEL)
        return dict(zip(labels, by_life, strict=True))

    def ordered(self, chosen: Bools, order: str, cost: Callable[[Path], float] | None, after: Mark | None) -> list[int]:
        """Return the places of the chosen ones in an order, those after a mark alone."""
        places = np.flatnonzero(chosen)
        first, second = self._keys(places, order, cost)
        position = self._position[places]
        sorted_places = np.lexsort((position, second, first))
        if after is not None:
            at = self._place_of(after.path)
            equal = (first == after.first) & ((second > after.second) | ((second == after.second) & (position > at)))
            later = (first > after.first) | equal
            sorted_places = sorted_places[later[sorted_places]]
        found: list[int] = places[sorted_places].tolist()
        return found

    def mark(self, place: int, order: str, cost: Callable[[Path], float] | None) -> Mark:
        """Return the mark of one of them."""
        first, second = self._keys(np.array([place]), order, cost)
        return Mark(float(first[0]), float(second[0]), self.paths[place])

    def _keys(self, places: Int64s, order: str, cost: Callable[[Path], float] | None) -> tuple[Float64s, Float64s]:
        nothing = np.zeros(len(places))
        if cost is not None:
            return np.array([-cost(self.paths[place]) for place in places.tolist()], np.float64), nothing
        if order == WORST:
            return _RANKS[self.lives[places]], self.last_seen[places]
        return (self.last_seen[places], nothing) if order == LONGEST else (nothing, nothing)

    def _place_of(self, path: Path) -> float:
        """Return where a path stands among all, whether or not it is still there."""
        place = bisect_left(self.paths, path, hi=self._known)
        there = place < self._known and self.paths[place] == path
        return float(place) if there else self._between(path)

    def _between(self, path: Path) -> float:
        """Return where a path stands that is no node's: between two nodes, in the order of those that are missing."""
        before = bisect_left(self.paths, path, self._known) - self._known
        return bisect_left(self.paths, path, hi=self._known) - 1 + (before + 1) / (len(self.paths) - self._known + 2)
