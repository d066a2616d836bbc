"""Where a service keeps its state unless it is told."""

from __future__ import annotations

import os
from pathlib import Path


def default_state_dir() -> Path:
    """Return `~/.local/state/fog`, or the place that XDG_STATE_HOME names.

    Raises:
        RuntimeError: the user has no home.
    """
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "fog"
