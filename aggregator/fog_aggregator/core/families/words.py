"""Know in which words each writer describes its families, and take those of most live nodes (R12.27).

Writers describe the same families again and again in the same words. All that one epoch says of its families is a
profile with a number, and an epoch's row refers to it: a vote counts columns of numbers, whatever the size of the
fleet, and only families that are described in several ways need one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np

from fog_aggregator.core.columns import Float64s, Int32s, Int64s
from fog_aggregator.core.kinds.table import grow
from fog_aggregator.core.places.rows import MOST_ROWS
from fog_aggregator.core.saved import DamagedError, Saved, as_count, as_list, as_number, as_text, as_texts

T = TypeVar("T", str, tuple[str, ...])

NOTHING: Final = -1
"""The profile of a row whose writer has described nothing."""


class Words(NamedTuple):
    """The description of a family by a writer."""

    family: int
    help: str
    rollup: tuple[str, ...]


Profile: TypeAlias = tuple[Words, ...]
"""The descriptions that a writer gives of its families, ascending by their numbers, each once."""


def merged(*profiles: Iterable[Words]) -> Profile:
    """Return what several descriptions say together; of a family the last one counts."""
    found = {words.family: words for profile in profiles for words in profile}
    return tuple(found[family] for family in sorted(found))


class Voters(NamedTuple):
    """The epochs whose words count.

    Attributes:
        row: the epochs' rows; shape (n,).
        place: the row of the place of each.
        weight: for how many nodes each place stands, by place's row.
    """

    row: Int64s
    place: Int64s
    weight: Float64s


class FamilyWords:
    """The words of all writers.

    Attributes:
        of_epoch: the profile of each epoch, by its row.
        contested: families that are described in more than one way.
        version: grows whenever a profile comes or goes.
    """

    def __init__(self) -> None:
        self.of_epoch: Int32s = np.full(0, NOTHING, np.int32)
        self.contested: set[int] = set()
        self.version = 0
        self._joined: tuple[int, tuple[Int32s, Int64s]] = (0, (np.zeros(0, np.int32), np.zeros(0, np.int64)))
        self._words: dict[Words, int] = {}
        self._ways: dict[int, list[Words]] = defaultdict(list)
        self._profiles: dict[Profile, int] = {}
        self._by_number: list[Profile] = []
        self._members: list[Int32s] = []
        self._last: dict[int, tuple[float, str, tuple[str, ...]]] = {}
        self._sole: dict[int, Words] = {}

    def hear(self, row: int, profile: Profile, *, everything: bool) -> None:
        """Take note of what an epoch says; `everything`: it has no other families any more."""
        if row >= len(self.of_epoch):
            known = len(self.of_epoch)
            self.of_epoch = grow(self.of_epoch, max(64, 2 * row))
            self.of_epoch[known:] = NOTHING
        before = int(self.of_epoch[row])
        number = self._profiles.get(profile)
        if number is not None and (number == before or everything or before == NOTHING):
            self.of_epoch[row] = number
        else:
            self.of_epoch[row] = self._number(profile if everything else merged(self.said_by(row), profile))

    def said_by(self, row: int) -> Profile:
        """Return what an epoch says."""
        number = int(self.of_epoch[row]) if row < len(self.of_epoch) else NOTHING
        return () if number == NOTHING else self._by_number[number]

    def end(self, row: int, last_seen: float) -> None:
        """Take note that an epoch is closed. When nobody is left, the words of the one heard last are remembered."""
        for family, help_, rollup in self.said_by(row):
            word = (last_seen, help_, rollup)
            if word > self._last.get(family, (-np.inf, "", ())):
                self._last[family] = word
        if row < len(self.of_epoch):
            self.of_epoch[row] = NOTHING

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        moved = {family: (at + seconds, help_, rollup) for family, (at, help_, rollup) in self._last.items()}
        self._last = moved

    def settled(self) -> Iterator[Words]:
        """Return the words of families that are described in one way only, where that is news."""
        sole, self._sole = self._sole, {}
        return (words for family, words in sole.items() if family not in self.contested)

    def elect(self, live: Voters, known: Voters) -> list[Words]:
        """Return the words of each contested family: what most live nodes say, of its help and of its rollup choices.

        Where no live node has it, most of those that are known decide; without any, the one that was heard last. Of
        equally many the first in the order of text: whoever came first does not matter.
        """
        votes = [self._votes(live), self._votes(known)]
        return [self._choice(family, votes) for family in sorted(self.contested)]

    def ways(self, live: Voters, families: Collection[int]) -> dict[int, list[tuple[Words, Int64s]]]:
        """Return in which ways live nodes describe some contested families, each with the rows of their places."""
        wanted = self.contested.intersection(families)
        if not wanted:
            return {}
        profile, place = self._profiles_of(live)
        order = np.argsort(profile, kind="stable")
        places = place[order]
        starts = np.searchsorted(profile[order], np.arange(len(self._members) + 1)).tolist()
        flat, owner = self._flat
        contested = np.array([words.family in wanted for words in self._words], np.bool_)
        chosen = contested[flat] if len(contested) else np.zeros(0, np.bool_)
        of_words: dict[int, list[Int64s]] = defaultdict(list)
        for number, one in zip(flat[chosen].tolist(), owner[chosen].tolist(), strict=True):
            of_words[number].append(places[starts[one] : starts[one + 1]])
        found: dict[int, list[tuple[Words, Int64s]]] = defaultdict(list)
        for words in (words for family in wanted for words in self._ways[family]):
            mine = np.unique(np.concatenate([np.zeros(0, np.int64), *of_words[self._words[words]]]))
            if len(mine):
                found[words.family].append((words, mine))
        return found

    def speakers(self, live: Voters) -> dict[int, list[tuple[Words, int]]]:
        """Return in which ways live nodes describe each contested family, each with the row of one of their places."""
        profile, place = self._profiles_of(live)
        of_profile = np.full(len(self._members), -1)
        of_profile[profile[::-1]] = place[::-1]
        flat, owner = self._flat
        of_words, spoken = np.full(len(self._words), -1), of_profile[owner] >= 0
        of_words[flat[spoken]] = of_profile[owner[spoken]]
        rows = of_words.tolist()
        ways = {
            family: [(words, rows[self._words[words]]) for words in self._ways[family]] for family in self.contested
        }
        return {family: [one for one in found if one[1] >= 0] for family, found in ways.items()}

    def holders(self, live: Voters) -> dict[int, float]:
        """Return how many live nodes describe each family."""
        families = np.array([words.family for words in self._words], np.int64)
        votes = self._votes(live, families)
        return {family: float(votes[family]) for family in np.flatnonzero(votes).tolist()}

    def spoken(self) -> frozenset[int]:
        """Return the families that somebody describes, as of the last `prune`."""
        return frozenset(self._ways)

    def forget_families(self, families: Iterable[int]) -> None:
        """Forget the last words about families that are let go of."""
        for number in families:
            self._last.pop(number, None)
            self._sole.pop(number, None)

    def prune(self) -> None:
        """Forget words that nobody says any more."""
        used = np.unique(self.of_epoch[self.of_epoch != NOTHING]).tolist()
        if len(used) == len(self._members):
            return
        self.version += 1
        before, silent = self._by_number, set(self._ways)
        self._words, self._ways, self._profiles, self._members = {}, defaultdict(list), {}, []
        self._by_number, self.contested = [], set()
        numbers = np.full(len(before) + 1, NOTHING, np.int32)
        for number in used:
            numbers[number] = self._number(before[number])
        self.of_epoch = numbers[self.of_epoch]
        for family in silent - set(self._ways):
            if family in self._last:
                self._sole[family] = Words(family, *self._last[family][1:])

    def image(self) -> Saved:
        """Return who says what."""
        rows = np.flatnonzero(self.of_epoch != NOTHING)
        return Saved(
            {
                "words": [tuple(words) for words in self._words],
                "profiles": [members.tolist() for members in self._members],
                "last": [(family, *word) for family, word in self._last.items()],
            },
            {"row": rows, "profile": self.of_epoch[rows]},
        )

    def restore(self, saved: Saved) -> None:
        """Take over what was said."""
        words = [Words(*one) for one in saved.records("words", as_count, as_text, as_texts)]
        for members in saved.value("profiles", as_list):
            numbers = [as_count(number) for number in as_list(members)]
            if max(numbers, default=-1) >= len(words):
                raise DamagedError("a profile has words that are not there")
            self._number(merged(words[number] for number in numbers))
        rows = saved.column("row", np.int64)
        profiles = saved.column("profile", np.int32, len(rows))
        if len(rows) and not (0 <= rows.min() <= rows.max() < MOST_ROWS):
            raise DamagedError("row has one that cannot be")
        if len(rows) and not (0 <= profiles.min() <= profiles.max() < len(self._members)):
            raise DamagedError("profile has one that is not there")
        self.of_epoch = np.full(int(rows.max(initial=-1)) + 1, NOTHING, np.int32)
        self.of_epoch[rows] = profiles
        for family, last_seen, help_, rollup in saved.records("last", as_count, as_number, as_text, as_texts):
            self._last[family] = (last_seen, help_, rollup)

    def check(self, families: int, rows: Iterable[int]) -> None:
        """Check that families and epochs are there, after a restoration.

        Raises:
            DamagedError: one is not.
        """
        spoken = np.flatnonzero(self.of_epoch != NOTHING).tolist()
        if max([*self._ways, *self._last], default=-1) >= families or not set(spoken) <= set(rows):
            raise DamagedError("words are of families or epochs that are not there")

    def _number(self, profile: Profile) -> int:
        number = self._profiles.get(profile)
        if number is None:
            self.version += 1
            number = self._profiles[profile] = len(self._members)
            self._members.append(np.array([self._word(words) for words in profile], np.int32))
            self._by_number.append(profile)
        return number

    def _word(self, words: Words) -> int:
        number = self._words.get(words)
        if number is None:
            number = self._words[words] = len(self._words)
            ways = self._ways[words.family]
            ways.append(words)
            if len(ways) > 1:
                self.contested.add(words.family)
            else:
                self._sole[words.family] = words
        return number

    @property
    def _flat(self) -> tuple[Int32s, Int64s]:
        """The numbers of the words of all profiles, one profile after the other, and the profile of each."""
        if self._joined[0] != self.version:
            lengths = [len(members) for members in self._members]
            numbers = np.concatenate([np.zeros(0, np.int32), *self._members])
            self._joined = (self.version, (numbers, np.repeat(np.arange(len(lengths)), lengths)))
        return self._joined[1]

    def _profiles_of(self, voters: Voters) -> tuple[Int32s, Int64s]:
        """Return the profile of each voter that has one, and its place."""
        known = voters.row < len(self.of_epoch)
        profile, place = self.of_epoch[voters.row[known]], voters.place[known]
        return profile[profile != NOTHING], place[profile != NOTHING]

    def _votes(self, voters: Voters, keys: Int64s | None = None) -> Float64s:
        """Count the nodes by the words that they use, or by the keys of these; each place once for each of them."""
        keys = np.arange(len(self._words)) if keys is None else keys
        size = int(keys.max(initial=-1)) + 1
        flat, owner = self._flat
        profile, place = self._profiles_of(voters)
        crowd = np.bincount(place)[place] > 1 if len(place) else np.zeros(0, np.bool_)
        alone = np.bincount(profile[~crowd], voters.weight[place[~crowd]], len(self._members))
        votes: Float64s = np.bincount(keys[flat], alone[owner], size).astype(np.float64)
        if crowd.any():
            several = zip(place[crowd].tolist(), profile[crowd].tolist(), strict=True)
            pairs = [where * size + keys[self._members[one]] for where, one in several]
            rows, key = np.divmod(np.unique(np.concatenate(pairs)), max(size, 1))
            votes = votes + np.bincount(key, voters.weight[rows], size)
        return votes

    def _choice(self, family: int, votes: Iterable[Float64s]) -> Words:
        ways = self._ways[family]
        for counted in votes:
            helps: Counter[str] = Counter()
            rollups: Counter[tuple[str, ...]] = Counter()
            for words in ways:
                helps[words.help] += counted[self._words[words]]
                rollups[words.rollup] += counted[self._words[words]]
            if helps.total():
                return Words(family, _most(helps), _most(rollups))
        return Words(family, *self._last[family][1:]) if family in self._last else min(ways)


def _most(votes: Mapping[T, float]) -> T:
    """Return what has most votes; of equally many the first in order."""
    most = max(votes.values())
    return min(one for one, count in votes.items() if count == most)
