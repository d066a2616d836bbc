"""A fleet whose nodes live, fall silent, end and go as a test says; and what it must know of an alert's truth."""

from __future__ import annotations

from dataclasses import dataclass, field

from fog_aggregator.rules.verdicts.coverage import MOST_LISTED, Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path, parse_path


@dataclass
class FakeFleet:
    """Knows the fate of each node, as the port `Coverage` asks for it."""

    fates: dict[Path, Fate] = field(default_factory=dict)
    horizon: int = 7 * 86_400_000
    listed: int = MOST_LISTED
    overdue: int | None = None

    @classmethod
    def of(cls, *paths: str, fate: Fate = Fate.LIVE) -> FakeFleet:
        """Make a fleet of these nodes."""
        return cls({parse_path(path): fate for path in paths})

    def set(self, fate: Fate, *paths: str) -> None:
        """Let something become of nodes."""
        self.fates |= {parse_path(path): fate for path in paths}

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are."""
        mine = {path: fate for path, fate in self.fates.items() if scope.holds(path)}
        listed = {path: fate for path, fate in mine.items() if fate in {Fate.LIVE, Fate.SILENT}}
        count = list(mine.values()).count
        nodes = listed if len(listed) <= self.listed else None
        return Standing(count(Fate.LIVE), count(Fate.SILENT), count(Fate.ENDED), nodes)

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""
        return self.fates.get(path, Fate.GONE)

    def last_word(self, scope: Scope) -> int | None:
        """Tell when the overdue node spoke last."""
        del scope
        return self.overdue
