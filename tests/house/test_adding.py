"""Carry out the pages about additions in a copy of the tree: they are true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.house.source import PACKAGES, ROOT, read

BLOCK: Final = re.compile(r"^```(python|diff) file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block of code whose first line names a file: all of a new one, or one change of an old one."""
MOST_FILES: Final = 6

PEAKS: Final = '''
import time

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.codec import decode
from utilityfog_frontend.telemetry import TelemetryCollector


def frames(epoch, values):
    """A keyframe, and a delta for each value."""
    collector = TelemetryCollector(self_metrics=False)
    peak = collector.register_peak("highest", "The highest")
    writer = Writer([collector.watch_series()], Settings(), epoch=epoch, now=0.0)
    yield writer.encode_part(0.0, 1_000_000).data
    for value in values:
        peak.observe(value)
        yield writer.encode_delta(0.0, 1_000_000).data
    assert f"highest {max(values):g}\\n" in collector.export_to_prometheus()


def shown(fleet, level):
    """The peaks at a level."""
    network = NetworkCollector(fleet, EventList(), TelemetryCollector(self_metrics=False), time.time)
    families = {one.family.name: one for one in network.collect(grouping=Grouping(level))}
    return [series.value for series in families["highest"].series], list(network.totals(Selection(())).values.values())


fleet = Fleet()
for number, values in enumerate(([3.0, 9.0, 4.0], [5.0, 6.0])):
    for data in frames(100 + number, values):
        outcome = fleet.apply(("fog", str(number)), decode(data), 1.0)
        assert not (outcome.unknown or outcome.refused_values), outcome
assert shown(fleet, 1) == ([9.0, 6.0], [9.0]), shown(fleet, 1)
restored = fleet.fresh()
restored.restore(fleet.image())
assert shown(restored, 0) == ([9.0], [9.0]), shown(restored, 0)
'''


def changed(text: str, change: str) -> str:
    """Return a text with one change made; what it begins with is there once."""
    lines = [(line[:1], line[1:]) for line in change.splitlines()]
    before = "\n".join(line for sign, line in lines if sign != "+")
    after = "\n".join(line for sign, line in lines if sign != "-")
    assert text.count(before) == 1, before
    return text.replace(before, after)


def carried_out(page: str, copy: Path) -> set[str]:
    """Do in a copy of the packages what a page says; return the files that it touched."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    touched = set()
    for what, file, text in BLOCK.findall(read(page)):
        place = copy / file
        assert place.exists() == (what == "diff"), file
        place.write_text(text if what == "python" else changed(place.read_text("utf-8"), text), "utf-8")
        touched.add(file)
    return touched


def run(script: str, copy: Path) -> None:
    """Run a script with the packages of a copy."""
    roots = os.pathsep.join(str(copy / package.partition("/")[0]) for package in PACKAGES)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": roots, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "script"), [("docs/adding-a-kind.md", PEAKS)])
def test_an_addition_touches_the_files_of_its_page_alone(page: str, script: str, tmp_path: Path) -> None:
    """With the changes of the page, in six files at most, the new thing works from end to end."""
    touched = carried_out(page, tmp_path)
    assert len(touched) <= MOST_FILES
    run(script, tmp_path)
