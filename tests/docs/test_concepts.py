"""The story of docs/concepts.md is what a real reader does, and its picture has the same numbers."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from fog_aggregator.core.fleet.fleet import Fleet
from fog_proving.sim.books import Cell
from fog_proving.sim.checks import totals_of
from fog_schema.codec import decode, encode
from tests.aggregator.test_spec_examples import PATH, frame_of
from tests.house.source import read, tracked

ROWS: Final = re.findall(r"^\| [^|]+ \| (\d+) \| (?:`([^`]+)`)? ?\| (\d+) \|$", read("docs/concepts.md"), re.MULTILINE)
"""Of each row: what the node has counted, its frame (none where it was lost), and what the reader shows."""

SVG: Final = "{http://www.w3.org/2000/svg}"


def test_the_story_is_what_the_reader_does() -> None:
    """Frame by frame; it shows never more than was counted, and as much in the end."""
    fleet, shown = Fleet(), 0
    assert len(ROWS) == 7
    for counted, frame, told in ROWS:
        if frame:
            fleet.apply(PATH, decode(encode(frame_of(frame))), 1_700_000_000.0)
        shown = int(totals_of(fleet)[()][Cell("jobs_total", ())])
        assert shown == int(told) <= int(counted), frame
    assert shown == int(ROWS[-1][0])


def test_the_reader_asks_for_a_keyframe_where_the_story_says_so() -> None:
    """After the frame behind the lost one, and not after the keyframe."""
    fleet = Fleet()
    asks = []
    for _, frame, _ in ROWS:
        if frame:
            fleet.apply(PATH, decode(encode(frame_of(frame))), 1_700_000_000.0)
        asks.append(bool(list(fleet.gapped)))
    assert asks == [False, False, False, True, False, False, False]


def test_the_picture_has_the_numbers_of_the_story() -> None:
    """Counted and shown, from left to right, drawn and in words."""
    picture = ET.fromstring(read("docs/exact-counts.svg"))  # noqa: S314 - our own file
    for kind, column in (("counted", 0), ("shown", 2)):
        numbers = [row[column] for row in ROWS]
        found = [text.text for text in picture.iter(f"{SVG}text") if text.get("class") == f"of-{kind}"]
        assert [text for text in found if text and text.isdecimal()] == numbers
        [words] = [text.text or "" for text in picture.iter(f"{SVG}desc")]
        assert ", ".join(numbers) in words
        assert ", ".join(numbers) in read("docs/concepts.md")


def test_the_picture_can_be_read_in_light_and_dark() -> None:
    """It has both sets of the page's colours, and a ground of its own."""
    picture = read("docs/exact-counts.svg")
    [page] = [read(file) for file in tracked() if file.endswith("/tokens.css")]
    light, dark = picture.split("prefers-color-scheme: dark")
    for part, tokens in ((light, page.partition("prefers-color-scheme")[0]), (dark, page)):
        colours = re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6});", part)
        assert len(colours) >= 6
        assert [colour for colour in colours if f"{colour[0]}: {colour[1]};" not in tokens] == []
    assert picture.count('class="card"') == 1
