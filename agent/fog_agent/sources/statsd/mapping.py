"""Give metrics of statsd other names and labels, as statsd_exporter's globs do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from utilityfog_frontend.telemetry.model import Exponential

Buckets = tuple[float, ...] | Exponential

UPDOWN: Final = "updown"
_PLACEHOLDER: Final = re.compile(r"\$(?:([0-9]+)|\{([0-9]+)\})")


@dataclass(frozen=True, slots=True)
class Mapping:
    """How the metrics are shown whose names fit.

    Attributes:
        match: names of parts between dots; `*` fits any one part.
        name: their name here, in which `$1` is what the first `*` stands for; empty to let them have their own.
        labels: more labels by name, with `$1` in their values; a tag of the line has its own value.
        buckets: of histograms; None for the listener's.
        drop: they are left out.
        updown: their counters are gauges that lines add to, and may be decremented.
        rollup: of gauges: how the tree merges them.
    """

    match: str
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    buckets: Buckets | None = None
    drop: bool = False
    updown: bool = False
    rollup: tuple[str, ...] = ()

    @property
    def stars(self) -> int:
        """How many parts may be anything."""
        return self.match.split(".").count("*")

    def parts_of(self, name: str) -> list[str] | None:
        """Return what the stars stand for in a name; None when it does not fit."""
        pattern, parts = self.match.split("."), name.split(".")
        if len(pattern) != len(parts):
            return None
        pairs = list(zip(pattern, parts, strict=True))
        if any(one not in ("*", part) for one, part in pairs):
            return None
        return [part for one, part in pairs if one == "*"]


NO_MAPPING: Final = Mapping("")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A metric's name and its labels of a mapping."""

    name: str
    labels: dict[str, str]
    mapping: Mapping


@dataclass(frozen=True)
class Mappings:
    """All mappings of a listener: the first one that fits counts."""

    rules: tuple[Mapping, ...] = ()
    _by_length: dict[int, list[Mapping]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_length: dict[int, list[Mapping]] = {}
        for rule in self.rules:
            by_length.setdefault(rule.match.count("."), []).append(rule)
        object.__setattr__(self, "_by_length", by_length)

    def map(self, name: str) -> Mapped:
        """Return the name and the labels of a metric; its own name when nothing fits."""
        for rule in self._by_length.get(name.count("."), ()):
            parts = rule.parts_of(name)
            if parts is not None:
                labels = {label: fill(text, parts) for label, text in rule.labels}
                return Mapped(fill(rule.name, parts) if rule.name else name, labels, rule)
        return Mapped(name, {}, NO_MAPPING)


def fill(text: str, parts: list[str]) -> str:
    """Put what the stars stand for in the place of `$1` or `${1}`."""
    return _PLACEHOLDER.sub(lambda found: parts[int(found[1] or found[2]) - 1], text)


def unknown_placeholders(texts: Iterable[str], stars: int) -> list[str]:
    """Return each `$n` for which there is no star."""
    found = [match for text in texts for match in _PLACEHOLDER.finditer(text)]
    return [match[0] for match in found if not 1 <= int(match[1] or match[2]) <= stars]
