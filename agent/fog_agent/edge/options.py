"""The options of an agent that a person may set, with or without the command. Light: nothing of NATS is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fog_bus.options import option, switch
from fog_bus.options.kinds import DIRECTORY, DURATION, FILE, INTERVAL, TEXT
from fog_schema.subjects import DEFAULT_PREFIX

if TYPE_CHECKING:
    from fog_agent.core.filters.rules import Filters

DEFAULT_INTERVAL: Final = 10.0
"""Seconds between frames."""


class Beside(NamedTuple):
    """Hold what an agent has beside its collector.

    Attributes:
        state_dir: where it remembers totals that live outside.
        filters: the rules of what is sent.
        inherited: they are a parent's, which has checked them; nobody in a forked child could be told.
    """

    state_dir: Path | None
    filters: Filters | None
    inherited: bool = False

    def of_child(self) -> Beside:
        """Return what a forked child has of it: totals that live outside are the parent's to read."""
        return self._replace(state_dir=None, inherited=True)


@dataclass(frozen=True, kw_only=True)
class AgentOptions:
    """How an agent publishes; `Agent` takes each as an argument of the same name."""

    interval: float = option(DEFAULT_INTERVAL, "how often to send", INTERVAL)
    prefix: str = option(DEFAULT_PREFIX, "what subjects begin with", TEXT)
    deadline: float = option(5.0, "how long stopping may take to send the last counts", DURATION)
    shared: bool = switch("other processes publish under this path too, and each one's gauges count")
    journal: str | None = option(
        None,
        "end the epochs of killed programs whose journals are here; with [jobs] keep one of its own here",
        DIRECTORY,
    )
    ephemeral: bool = switch("this node comes and goes: that it leaves is no alert")
    filters: Path | None = option(
        None, "file with the rules of what is sent, TOML, or YAML as Prometheus's", FILE, convert=Path
    )
    state_dir: Path | None = option(
        None,
        "directory for what it remembers of the kernel's counters (default ~/.local/state/fog)",
        DIRECTORY,
        environ=("STATE_DIRECTORY",),
        convert=Path,
    )
