"""Say which nodes stood behind an alert when it was last true, and how many of them are silent now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Protocol

from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path

LOOKBACK: Final = 300_000
"""Numbers are no older than that, in milliseconds."""
MOST_LISTED: Final = 64
"""So many nodes are remembered by name; of more there is a number."""


class Fate(Enum):
    """The states in which a node may be, for those who wait for its word."""

    LIVE = "live"
    SILENT = "silent"
    ENDED = "ended"
    """In good order, or as an ephemeral node does: it is no loss."""
    GONE = "gone"
    """It was forgotten on request, or it has retired."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The nodes of a scope as they are now.

    Attributes:
        live, silent, ended: How many there are; ephemeral nodes count as ended when they are silent.
        nodes: Each of them that is live or silent; None when there are more than `MOST_LISTED`, or when some are known
            only by their number, as those below a branch are.
    """

    live: int = 0
    silent: int = 0
    ended: int = 0
    nodes: Mapping[Path, Fate] | None = field(default_factory=dict)


class Coverage(Protocol):
    """The port to whoever knows the nodes."""

    @property
    def horizon(self) -> int:
        """The silence in milliseconds after which a node retires."""

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are."""

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""

    def last_word(self, scope: Scope) -> int | None:
        """Return the time of the last word of the live node that is overdue for longest; None when none is overdue."""


class FullCoverage:
    """A fleet in which no node is ever silent: verdicts are those of Prometheus."""

    horizon: Final = 7 * 86_400_000

    def standing(self, scope: Scope) -> Standing:
        """Tell that nobody is silent."""
        del scope
        return Standing()

    def fate(self, path: Path) -> Fate:
        """Tell that a node is live."""
        del path
        return Fate.LIVE

    def last_word(self, scope: Scope) -> int | None:
        """Tell that nobody is overdue."""
        del scope
        return None


@dataclass(frozen=True, slots=True)
class Behind:
    """The nodes that stood behind an alert when it was last true.

    Attributes:
        count: How many they were.
        nodes: Their paths; None when they were more than `MOST_LISTED`.
        silent: Where there is only a number: how many nodes of the scope were silent then, and did not stand behind it.
        silent_since: Since when some of them do not live while it is true all the same; None while all do.
    """

    count: int = 0
    nodes: tuple[Path, ...] | None = ()
    silent: int = 0
    silent_since: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """How many nodes are silent of those that should speak."""

    silent: int
    of: int

    def __bool__(self) -> bool:
        return self.silent > 0

    def __str__(self) -> str:
        return f"{self.silent} of {self.of} nodes silent"


def merged(scopes: Iterable[Scope | None]) -> tuple[Scope, ...]:
    """Join the scopes at each path: their nodes have any of the metrics."""
    found: dict[tuple[Path, bool, bool], Scope] = {}
    for scope in scopes:
        if scope is not None:
            key = (scope.path, scope.own, scope.of_silence)
            found[key] = scope if key not in found else _joined(found[key], scope)
    return tuple(found.values())


def _joined(one: Scope, other: Scope) -> Scope:
    names: frozenset[str] = one.names | other.names if one.names and other.names else frozenset()
    return Scope(one.path, own=one.own, names=names, of_silence=one.of_silence)


def remember(known: Behind | None, scopes: Sequence[Scope], coverage: Coverage, at: int) -> Behind:
    """Remember who stands behind an alert that is true now; `at` is the time of the evaluation.

    The numbers may be older than what is known of the nodes. When a node falls silent, or ends, the alert may be true
    for a while by what the node sent before: for so long it still stands behind it.
    """
    about_silence = any(scope.of_silence for scope in scopes)
    if known is not None and not about_silence and not _all_live(known, scopes, coverage):
        since = known.silent_since if known.silent_since is not None else at
        if at - since <= LOOKBACK:
            return replace(known, silent_since=since)
    return stand_behind(scopes, coverage)


def _all_live(known: Behind, scopes: Sequence[Scope], coverage: Coverage) -> bool:
    """Tell whether everybody lives who stood behind an alert."""
    if known.nodes is not None:
        return all(coverage.fate(path) is Fate.LIVE for path in known.nodes)
    return sum(coverage.standing(scope).live for scope in scopes) >= known.count


def stand_behind(scopes: Sequence[Scope], coverage: Coverage) -> Behind:
    """Remember who stands behind an alert that is true now: the live nodes, or the silent ones where it is of these."""
    count, silent = 0, 0
    nodes: set[Path] | None = set()
    for scope in scopes:
        now = coverage.standing(scope)
        wanted = Fate.SILENT if scope.of_silence else Fate.LIVE
        count += now.silent if scope.of_silence else now.live
        silent += 0 if scope.of_silence else now.silent
        if nodes is not None and now.nodes is not None:
            nodes.update(path for path, fate in now.nodes.items() if fate is wanted)
        else:
            nodes = None
    if not count and silent:  # it is true by what they sent before
        return stand_behind([replace(scope, of_silence=True) for scope in scopes], coverage)
    if nodes is None or len(nodes) > MOST_LISTED:
        return Behind(count, None, silent)
    return Behind(len(nodes), tuple(sorted(nodes)))


def silence_behind(behind: Behind, scopes: Sequence[Scope], coverage: Coverage) -> Silence:
    """Tell how many of the nodes are silent that stood behind an alert, as far as they lie in some scopes."""
    if behind.nodes is None:
        silent = sum(coverage.standing(scope).silent for scope in scopes)
        return Silence(max(0, silent - behind.silent), behind.count)
    mine = [path for path in behind.nodes if any(scope.holds(path) for scope in scopes)]
    return Silence(sum(coverage.fate(path) is Fate.SILENT for path in mine), behind.count)


def silence_now(scopes: Sequence[Scope], coverage: Coverage) -> Silence:
    """Tell how many nodes of some scopes are silent, where there is no memory yet."""
    now = [coverage.standing(scope) for scope in scopes if not scope.of_silence]
    silent = sum(one.silent for one in now)
    return Silence(silent, silent + sum(one.live for one in now))


def ending(behind: Behind, scopes: Sequence[Scope], coverage: Coverage) -> Fate | None:
    """Tell what became of all the nodes behind an alert, when none of them is there any more; else None."""
    if behind.nodes is not None:
        fates = {coverage.fate(path) for path in behind.nodes}
        if not fates or fates & {Fate.LIVE, Fate.SILENT}:
            return None
        return Fate.GONE if Fate.GONE in fates else Fate.ENDED
    now = [coverage.standing(scope) for scope in scopes]
    if not behind.count or any(one.live or one.silent for one in now):
        return None
    return Fate.ENDED if any(one.ended for one in now) else Fate.GONE
