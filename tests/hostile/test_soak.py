"""A short soak: one hostile path in turn with all of its attacks; `make soak` goes on for minutes, with more nodes."""

from __future__ import annotations

from pathlib import Path

from fog_proving.soak.run import soak
from fog_proving.soak.verdict import COUNTS, ENDED, Plan


async def test_healthy_nodes_are_exact_beside_a_hostile_one(tmp_path: Path) -> None:
    """Every count of a swarm with churn, restarts and losses, and of programs whose series and events come and go.

    How fast answers come, and how memory grows, is judged by the long run: here the machine has other tests to run.
    """
    result = await soak(Plan(20, 60, 20_000, (), 1), tmp_path, print)
    assert not [wrong.text for wrong in result.wrong if wrong.about in (COUNTS, ENDED)]
    assert any("Counts of healthy nodes" in figure for figure in result.figures)
