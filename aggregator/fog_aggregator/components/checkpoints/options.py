"""The options of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fog_bus.options import option
from fog_bus.options.kinds import DIRECTORY, PERIOD


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """Where checkpoints lie; without a directory every restart is a round of keyframes."""

    state_dir: Path | None = option(
        None,
        "directory of the checkpoints (default ~/.local/state/fog)",
        DIRECTORY,
        environ=("STATE_DIRECTORY",),
        convert=Path,
    )
    checkpoint_interval: float = option(10.0, "how often the state is saved", PERIOD)
