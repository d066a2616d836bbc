"""One alert as its receivers see it: labels that name it, and whether it fires."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from fog_aggregator.promql.labels import Labels, label
from fog_schema.errors import PathError
from fog_schema.paths import Path, parse_path

PATH_LABELS: Final = ("fog_path", "fog_node")
"""The labels that name the place of an alert, the first one that is there."""
INTERVAL: Final = 60_000
"""Milliseconds between two evaluations of a rule that nobody said anything else of."""
_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_MASK: Final = 2**64 - 1
_SEPARATOR: Final = b"\xff"


@lru_cache(maxsize=10_000)  # alerts are the same ones at each look, and it goes byte by byte
def fingerprint(labels: Labels) -> int:
    """Hash labels as Prometheus and Alertmanager do: FNV-1a of 64 bits over names and values, each followed by 0xff."""
    value = _OFFSET
    for name, text in labels:
        for byte in b"".join((name.encode(), _SEPARATOR, text.encode(errors="replace"), _SEPARATOR)):
            value = (value ^ byte) * _PRIME & _MASK
    return value


@dataclass(frozen=True)
class Notice:
    """The state of one alert, firing or resolved. Times are milliseconds since 1970.

    Attributes:
        labels: The labels that name the alert, `alertname` among them.
        annotations: Texts for people, by name; they may change while it fires.
        starts_at: When it began to fire.
        ends_at: When a receiver that hears no more of it may take it for resolved; of a resolved one, when it ended.
        firing: Whether it fires; else it is resolved.
        generator_url: Where its expression can be looked at, or empty.
        is_held: It fires, and nobody can say whether it still should: receivers are not reminded of it.
        interval: The milliseconds between two evaluations of its rule.
    """

    labels: Labels
    annotations: Labels
    starts_at: int
    ends_at: int
    firing: bool
    generator_url: str = ""
    is_held: bool = False
    interval: int = INTERVAL

    @cached_property
    def fingerprint(self) -> str:
        """The alert's name in 16 hexadecimal digits, equal to Alertmanager's."""
        return f"{fingerprint(self.labels):016x}"

    @property
    def status(self) -> str:
        """`firing` or `resolved`."""
        return _status(firing=self.firing)

    @property
    def key(self) -> str:
        """The idempotence key of receivers without a memory: two messages that say the same have the same one."""
        return self.key_of(firing=self.firing)

    def key_of(self, *, firing: bool) -> str:
        """Return the key that it has when it fires, or once it has resolved."""
        return f"{self.fingerprint}-{_status(firing=firing)}-{self.starts_at}"

    @property
    def path(self) -> Path:
        """The place that the alert is about; the whole, as the empty path, when its labels name none."""
        for name in PATH_LABELS:
            if text := label(self.labels, name):
                try:
                    return parse_path(text)
                except PathError:
                    return ()
        return ()


def _status(*, firing: bool) -> str:
    return "firing" if firing else "resolved"
