"""Read the pages of one target, and remember each series' text: a page that is like the last costs little. Pure.

A line of the usual shape is a key, the bytes of a name and its labels, then a space and a number. A key that is known
was read with care before (`text`), and what stands before the value of a line is read in the same way whatever
follows. So only the number is read. Every other line is read with care.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from fog_agent.sources.scraping.families import TYPES, Families, Sample
from fog_agent.sources.scraping.text import NUMERIC, parse_comment, parse_sample, shown
from utilityfog_frontend.telemetry.model import FamilySnapshot

LINES_PER_SERIES: Final = 8
"""Lines of a page for each series that it may have: more are refused before they are made."""
MOST_COMMENTS: Final = 100_000
"""Comments that are remembered; when there are more, all is read anew."""
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
        if len(self._comments) > MOST_COMMENTS:  # of names that came and went
            self._comments.clear()
            self._known.clear()
            self._families.clear(types=True)
        self._number += 1
        page = Page()
        lines = body.split(b"\n")
        if self._types_change(lines, page):
            self._known.clear()
            self._families.clear()
        self._read_samples(lines, page)
        if len(self._known) > page.samples:
            self._known = {key: sample for key, sample in self._known.items() if sample.page == self._number}
        page.families = list(self._families.snapshots(self._number, now, self._asked, page.refuse))
        self._asked = now if asked is None else asked
        return page

    def _types_change(self, lines: list[bytes], page: Page) -> bool:
        """Take the comments that are new; tell whether a metric has another type than before."""
        changed = False
        for line in lines:
            if line[:1] != b"#" or line in self._comments:
                continue
            self._comments.add(line)
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
            if text != sample.text:
                if not text or (text.translate(None, NUMERIC) and text not in _SPECIAL):
                    self._read_with_care(line, page)
                    continue
                try:
                    sample.value = float(text)
                except ValueError:
                    page.refuse("line", f"{shown(line)}: its value is no number")
                    continue
                sample.text = text
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
                sample = Sample(parsed.text, parsed.value)
                self._families.add(parsed.name, parsed.labels, sample, self._number)
                self._known[parsed.key or b"\n" + line] = sample  # what no line can have before its last space
        except ValueError as error:
            page.refuse("line", str(error))
            return
        if sample.page == self._number:
            page.refuse("duplicate", f"{shown(line)} is there twice")
            return
        sample.text, sample.value, sample.page = parsed.text, parsed.value, self._number
        page.samples += 1
        page.stamped += parsed.stamped
