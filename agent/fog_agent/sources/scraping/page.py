"""Read the pages of one target, and remember each series' text: a page that is like the last costs little. Pure.

A line of the usual shape is a key, the bytes of a name and its labels, then a space and a number. A key that is known
was read with care before (`text`), and what stands before the value of a line is read in the same way whatever
follows. So only the number is read. Every other line is read with care.

Most pages have the lines of the last one, with other numbers in some. Then only the lines that differ are looked at;
a line that has another key than the one in its place had makes the page one of another shape, and all of it is read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import compress, count
from operator import ne
from typing import Final, NamedTuple

from fog_agent.sources.scraping.families import TYPES, Families, Sample
from fog_agent.sources.scraping.text import NUMERIC, parse_comment, parse_sample, shown
from utilityfog_frontend.telemetry.model import FamilySnapshot

LINES_PER_SERIES: Final = 8
"""Lines of a page for each series that it may have: more are refused before they are made."""
MOST_DESCRIBED: Final = 100_000
"""Types and helps that are remembered; when there are more, all is read anew."""
MOST_DIGITS: Final = 15
"""Digits of an integer that a double holds exactly, whichever it is."""
_SPECIAL: Final = frozenset({b"NaN", b"+Inf", b"-Inf"})


@dataclass(slots=True)
class Page:
    """The content of a page.

    Attributes:
        families: All that can be counted or shown.
        samples: How many samples it has.
        stamped: How many have a time of their own, which nobody looks at.
        refused: How many lines or series were not taken, by reason.
        texts: The first of each reason, in words.
    """

    families: list[FamilySnapshot] = field(default_factory=list)
    samples: int = 0
    stamped: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)

    def refuse(self, reason: str, text: str) -> None:
        """Count something that was not taken."""
        self.refused[reason] += 1
        self.texts.setdefault(reason, text)


class _Last(NamedTuple):
    """The page that was read last.

    Attributes:
        lines: All of it.
        of_lines: The sample of each line; None of one that is no sample, or not of the usual shape.
        samples: How many samples it has.
        stamped: How many have a time of their own.
    """

    lines: list[bytes]
    of_lines: list[Sample | None]
    samples: int
    stamped: int

    def changed(self, lines: list[bytes]) -> list[Sample] | None:
        """Read the lines that differ; return their samples, or None for a page of another shape."""
        if len(lines) != len(self.lines):
            return None
        samples, found = self.of_lines, []
        for at in compress(count(), map(ne, lines, self.lines)):
            key, _, text = lines[at].rpartition(b" ")
            sample = samples[at]
            if sample is None or key != sample.key:
                return None
            value = int(text) if text.isdigit() and len(text) <= MOST_DIGITS else quick_number(text)
            if value is None:
                return None
            sample.value = value
            found.append(sample)
        return found


def quick_number(text: bytes) -> float | None:
    """Return a number of the usual shape; None of what must be read with care."""
    if text not in _SPECIAL and (not text or text.translate(None, NUMERIC)):
        return None
    try:
        return float(text)
    except ValueError:
        return None


class PageReader:
    """Reads the pages of one target. Not thread-safe.

    Args:
        families: Takes its samples.
        most: How many samples a page may have; new ones beyond are refused.
    """

    def __init__(self, families: Families, most: int) -> None:
        self._families = families
        self._most = most
        self._known: dict[bytes, Sample] = {}
        self._comments: set[bytes] = set()
        self._number = 0
        self._asked: float | None = None
        self._last: _Last | None = None

    def read(self, body: bytes, now: float, asked: float | None = None) -> Page:
        """Read one page.

        Args:
            body: All of it.
            now: Unix seconds.
            asked: Unix seconds before which it was asked for.

        Raises:
            ValueError: It cannot be a whole page.
        """
        if body and not body.endswith(b"\n"):
            raise ValueError("the page does not end with the end of a line: it was cut short")
        if body.count(b"\n") > LINES_PER_SERIES * self._most:
            raise ValueError(f"the page has more than {LINES_PER_SERIES * self._most} lines")
        lines = body.split(b"\n")
        changed = None if self._last is None else self._last.changed(lines)
        if self._last is None or changed is None:
            page = self._read_whole(lines)
            families = None
        else:
            page = Page(samples=self._last.samples, stamped=self._last.stamped)
            self._last = self._last._replace(lines=lines)
            families = self._families.changed(changed)
        page.families = families or self._families.snapshots(self._number, now, self._asked, page.refuse)
        if page.refused:  # and so is the same on the next page: all of it is read
            self._last = None
        self._asked = now if asked is None else asked
        return page

    def _read_whole(self, lines: list[bytes]) -> Page:
        if self._families.described > MOST_DESCRIBED:  # of names that came and went
            self._comments.clear()
            self._known.clear()
            self._families.clear(types=True)
        self._number += 1
        self._last = None  # also where a fault of ours ends it: the samples have other values by then
        page = Page()
        if self._types_change(lines, page):
            self._known.clear()
            self._families.clear()
        self._read_samples(lines, page)
        if len(self._known) > page.samples:
            self._known = {key: sample for key, sample in self._known.items() if sample.page == self._number}
        of_lines = [self._known.get(line.rpartition(b" ")[0]) for line in lines]
        self._last = _Last(lines, of_lines, page.samples, page.stamped)
        return page

    def _types_change(self, lines: list[bytes], page: Page) -> bool:
        """Take the comments that the last page did not have; tell whether a metric has another type than before."""
        changed, before = False, self._comments
        self._comments = set()
        for line in lines:
            if line[:1] != b"#" or line in self._comments:
                continue
            self._comments.add(line)
            if line not in before:
                changed |= self._take_comment(line, page)
        return changed

    def _take_comment(self, line: bytes, page: Page) -> bool:
        try:
            comment = parse_comment(line)
        except UnicodeDecodeError as error:
            page.refuse("line", f"{shown(line)} is not UTF-8: {error.reason}")
            return False
        if comment is None:
            return False
        if comment.word == "HELP":
            self._families.describe(comment.name, comment.text)
        elif comment.text in TYPES:
            return self._families.declare(comment.name, comment.text)
        else:
            page.refuse("line", f"{shown(line)}: no such type")
        return False

    def _read_samples(self, lines: list[bytes], page: Page) -> None:
        known, number = self._known.get, self._number
        for line in lines:
            key, _, text = line.rpartition(b" ")
            sample = known(key)
            if sample is None or sample.page == number:
                if line and line[:1] != b"#":
                    self._read_with_care(line, page)
                continue
            value = int(text) if text.isdigit() and len(text) <= MOST_DIGITS else quick_number(text)
            if value is None:
                self._read_with_care(line, page)
                continue
            sample.value = value
            sample.page = number
            page.samples += 1

    def _read_with_care(self, line: bytes, page: Page) -> None:
        if not line.strip(b" \t") or line.lstrip(b" \t")[:1] == b"#":
            return
        try:
            parsed = parse_sample(line)
            sample = self._known.get(parsed.key)
            if sample is None:
                if len(self._known) >= self._most:
                    page.refuse("series", f"the page has more than {self._most} samples")
                    return
                key = parsed.key or b"\n" + line  # what no line can have before its last space
                sample = Sample(key, parsed.value)
                self._families.add(parsed.name, parsed.labels, sample, self._number)
                self._known[key] = sample
        except ValueError as error:
            page.refuse("line", str(error))
            return
        if sample.page == self._number:
            page.refuse("duplicate", f"{shown(line)} is there twice")
            return
        sample.value, sample.page = parsed.value, self._number
        page.samples += 1
        page.stamped += parsed.stamped
