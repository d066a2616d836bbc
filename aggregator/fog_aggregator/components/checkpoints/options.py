"""The options of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fog_bus.options import option
from fog_bus.options.kinds import DIRECTORY, PERIOD, SHARE, SIZE


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
    checkpoint_interval: float = option(10.0, "how long after a checkpoint the next one is written, at least", PERIOD)
    checkpoint_share: float = option(
        0.05, "at most so much of the time goes into writing checkpoints: a large state is saved less often", SHARE
    )
    checkpoint_bytes_a_day: int = option(256 * 2**30, "so many bytes of checkpoints a day at most; 0: any", SIZE)
