"""`make scale` measures fleets, each in a process of its own, and computes what a million nodes need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "benchmarks/scale.py"


def test_small_fleets_have_every_figure() -> None:
    """Two sizes are enough for exponents; no figure is missing, and none is of a fleet that was not read."""
    arguments = [sys.executable, str(PROGRAM), "--nodes", "20,200", "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert set(told["nodes"]) == {"20", "200"}
    assert set(told["exponents"]) == set(told["nodes"]["20"]) == set(told["nodes"]["200"])
    assert told["nodes"]["200"]["checkpoint bytes"] > 5 * told["nodes"]["20"]["checkpoint bytes"] > 0
    assert told["nodes"]["200"]["ready with checkpoint s"] > 0
    assert told["a million nodes"]["frames a second"] == 100_000
    assert all(value >= 0 for value in told["a million nodes"].values())
