"""Hand the figures of a benchmark on to whoever runs several, as `make bench` does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "FOG_BENCH_FIGURES"
"""Names the file that figures are added to; without it a benchmark only prints."""


def note(name: str, value: float) -> None:
    """Add a figure to the file that the environment names, if it names one."""
    if file := os.environ.get(VARIABLE):
        with Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({name: value}) + "\n")


def noted(file: Path) -> dict[str, float]:
    """Return all figures of a file; of a name that was noted twice, the last."""
    figures: dict[str, float] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        figures |= json.loads(line)
    return figures
