"""`fog aggregator` beside checkpoints of other versions of itself: earlier ones are read, later ones are left alone."""

from __future__ import annotations

import shutil
from itertools import takewhile
from pathlib import Path

import pytest

from fog_aggregator.core.checkpoint import VERSION
from tests.aggregator.reframing import contents, reframed
from tests.cli.processes import fog, run

GOLDEN = Path(__file__).parents[1] / "aggregator" / "golden"
NOWHERE = ("--nats", "nats://127.0.0.1:1", "--listen", "127.0.0.1:0", "--path", "fog", "--branches", "fog/branch")
"""No server answers; the scope is that of the golden checkpoints."""


@pytest.mark.parametrize("places", [("later",), ("later", "earlier"), ("earlier", "later"), ("later", "damaged")])
def test_a_later_one_is_left_alone(tmp_path: Path, places: tuple[str, ...]) -> None:
    """Exit code 1, one line that names both versions and what to do, and the directory is byte for byte the same."""
    golden = (GOLDEN / "version_4" / "checkpoint.fog").read_bytes()
    files = {
        "later": reframed(golden, lambda head: head.update(version=99, new=[1, 2, 3])),
        "earlier": golden,
        "damaged": golden[:-100],
    }
    for number, place in enumerate(places, 7):
        (tmp_path / f"checkpoint-{number:012d}.fog").write_bytes(files[place])
    before = contents(tmp_path)
    process = run("aggregator", "--state-dir", str(tmp_path), *NOWHERE)
    later = tmp_path / f"checkpoint-{7 + places.index('later'):012d}.fog"
    assert process.returncode == 1
    assert process.stderr == (
        f"fog aggregator: {later}: it is of version 99, and this program reads versions up to {VERSION}: start the "
        "program that wrote it, or a later one, or give this one another state directory with --state-dir\n"
    )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("version_*")), ids=lambda folder: folder.name)
def test_an_earlier_one_is_read(tmp_path: Path, folder: Path) -> None:
    """The service goes on from it, and writes one of its own version when it stops."""
    first = tmp_path / "checkpoint-000000000001.fog"
    shutil.copy(folder / "checkpoint.fog", first)
    with fog("aggregator", "--state-dir", str(tmp_path), "--checkpoint-interval", "1h", *NOWHERE) as process:
        assert process.stderr is not None
        said = list(takewhile(lambda line: "cannot connect to NATS" not in line, process.stderr))
        process.terminate()
        process.communicate(timeout=30)
    assert "going on from a checkpoint" in "".join(said)
    assert process.returncode == 0
    assert sorted(contents(tmp_path)) == [first.name, "checkpoint-000000000002.fog", "lock"]
