"""The number lines of SPEC.md, section 12, read by the real state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fog_aggregator.core.fleet.fleet import Fleet
from fog_proving.sim.books import Cell
from fog_proving.sim.checks import totals_of
from fog_schema.codec import decode, encode
from fog_schema.columns import pack_ids, pack_ints
from fog_schema.definitions import encode_definitions
from fog_schema.frames import DELTA, FINAL, KEYFRAME, LAST_PART, Definition, Frame, Numbers

SPEC = Path(__file__).parents[2] / "schema" / "SPEC.md"
LINES = re.findall(r"^    read (.+) -> (\d+|none)( gapped)?$", SPEC.read_text("utf-8"), re.MULTILINE)
PATH = ("fog", "0")
FRAME = re.compile(r"(?P<seq>\d+)(?P<kind>[KF+])(?P<value>\d+|-)(?P<part>[az]?)")


def frame_of(text: str) -> Frame:
    """Return the frame that a number line writes as `2+3`, `4K9`, `4K8a`, `5K8z`, `2K-` or `3F8`."""
    match = FRAME.fullmatch(text)
    assert match is not None, text
    seq, value = int(match["seq"]), match["value"]
    counters = None if value == "-" else Numbers(pack_ids([0]), pack_ints([int(value)]))
    if match["kind"] == "+":
        return Frame(DELTA, 1, seq, counters=counters)
    jobs = Definition("jobs_total", 0, "", "", (), (), (), pack_ids([0]), ())
    defined = b"" if value == "-" else encode_definitions([jobs])
    flags = (0 if match["part"] == "a" else LAST_PART) | (FINAL if match["kind"] == "F" else 0)
    part = 1 if match["part"] == "z" else 0
    return Frame(KEYFRAME, 1, seq, flags=flags, part=part, definitions=defined, counters=counters)


@pytest.mark.parametrize(("frames", "value", "gapped"), LINES, ids=[frames for frames, _, _ in LINES])
def test_a_number_line_is_what_the_reader_does(frames: str, value: str, gapped: str) -> None:
    """After these frames, in this order, the reader has this value, and asks for a keyframe or does not."""
    state = Fleet()
    for text in frames.split():
        state.apply(PATH, decode(encode(frame_of(text))), 1_700_000_000.0)
    total = totals_of(state)[()].get(Cell("jobs_total", ()))
    assert ("none" if total is None else str(int(total))) == value
    assert bool(list(state.gapped)) == bool(gapped)


def test_there_are_number_lines() -> None:
    """The rules about numbers and keyframes each have one."""
    assert len(LINES) >= 10
