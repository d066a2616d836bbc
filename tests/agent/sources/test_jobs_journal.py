"""With a journal what jobs leave in the spool is counted exactly once, whoever is killed when."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.agent.sources.journaled_jobs import STEPS
from utilityfog_frontend.telemetry.journal.reading import read
from utilityfog_frontend.telemetry.model import HistogramValue

FILES = 3
MOMENTS = {"count": (1, 2, 7)}
"""Before which calls of a step it is killed, where they are more than the files."""


def told(spool: Path) -> None:
    """Leave files, each with several counts."""
    spool.mkdir()
    for number in range(FILES):
        lines = ["counter a_total 2", f'counter b_total{{n="{number}"}} 1.5', "histogram took 0.25", "histogram took 9"]
        (spool / f"{number}.job").write_text("\n".join([f"fog1 {number} -", *lines, "level 3", ""]))


def take(spool: Path, journals: Path, moment: str = "") -> None:
    """Let an agent take them until it is killed."""
    argv = [sys.executable, "-m", "tests.agent.sources.journaled_jobs", str(spool), str(journals), moment]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


def counted(journals: Path) -> dict[str, float]:
    """Add up what the journals of the dead have: the next agent of a node sends it."""
    found: Counter[str] = Counter()
    for file in journals.iterdir():
        for epoch in read(file.read_bytes()).epochs:
            for series in epoch.series:
                value = series.value
                assert isinstance(value, int | float | HistogramValue)
                if not series.family.name.startswith(("fog_", "telemetry_")):
                    found[series.family.name] += value.count if isinstance(value, HistogramValue) else value  # type: ignore[assignment]
    return dict(found)


@pytest.mark.parametrize(
    ("step", "number"), [(step, number) for step in STEPS for number in MOMENTS.get(step, (1, 2, 3))]
)
def test_a_kill_at_any_step_neither_loses_nor_doubles(step: str, number: int, tmp_path: Path) -> None:
    """Before a file is claimed, before and within its counting, before it is removed, before either is noted."""
    spool, journals = tmp_path / "spool", tmp_path / "journals"
    told(spool)
    take(spool, journals, f"{number}:{step}")
    take(spool, journals)
    assert [file.name for file in spool.iterdir()] == [".journal"]
    assert counted(journals) == {"a_total": 2 * FILES, "b_total": 1.5 * FILES, "took": 2 * FILES}
