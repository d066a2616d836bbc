"""Merge the expositions of branches into one: line by line, each line looked at. Pure.

A branch may say nothing of other places, of another level, or what is no sample: one that does is left out as a whole,
as a scraper would refuse all of the answer for one such line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.query.samples import LEVEL, PATH
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.model import MetricType

_NAME: Final = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?|Inf|NaN)"
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_PAIR: Final = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE: Final = re.compile(rf"({_NAME})\{{({_PAIR}(?:,{_PAIR})*)\}} {_NUMBER}(?: {_NUMBER})?")
_HEADER: Final = re.compile(rf"# (HELP|TYPE|UNIT) ({_NAME}) ?(.*)")
_HELP: Final = re.compile(r'(?:[^\\]|\\[\\n"])*')
_TYPES: Final = frozenset(one.value for one in MetricType)
_TYPE: Final = re.compile(rf"^# TYPE ({_NAME}) (\w+)$", re.MULTILINE)
_UNIT: Final = re.compile(r"[a-zA-Z0-9_]*")
_SUFFIXES: Final = ("", "_total", "_created", "_bucket", "_sum", "_count", "_info")
_END: Final = "# EOF"


class PartError(ValueError):
    """A part is not what it must be; the text says why."""


@dataclass(slots=True)
class Block:
    """The lines of one family.

    Attributes:
        type: the word of its type.
        headers: its lines that are no samples.
        samples: the others.
    """

    type: str = "untyped"
    headers: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)


def read_part(body: bytes, branch: Path, level: int) -> dict[str, Block]:
    """Read what a branch answered about a level.

    Raises:
        PartError: A line is no sample of a place at or under the branch and of this level.
    """
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError:
        raise PartError("its answer is no text") from None
    blocks: dict[str, Block] = {}
    name, place = "", _Place(format_path(branch), str(level))
    for line in lines:
        if not line or line == _END:
            continue
        if line.startswith("#"):
            if (header := _HEADER.fullmatch(line)) is None:
                continue  # a remark of its own; what it misses stands in a header of its answer
            word, name, text = header.groups()
            _check(word, text)
            block = blocks.setdefault(name, Block())
            block.headers.append(line)
            block.type = text if word == "TYPE" else block.type
            continue
        place.check(line, name)
        blocks[name].samples.append(line)
    return blocks


def _check(word: str, text: str) -> None:
    fits = {"TYPE": text in _TYPES, "UNIT": bool(_UNIT.fullmatch(text)), "HELP": bool(_HELP.fullmatch(text))}
    if not fits[word]:
        raise PartError(f"its answer has a {word} that is none")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the samples of a part must be."""

    path: str
    level: str

    def check(self, line: str, family: str) -> None:
        sample = _SAMPLE.fullmatch(line)
        if sample is None or not family or sample[1] not in {family + suffix for suffix in _SUFFIXES}:
            raise PartError("its answer has a line that is no sample")
        labels = dict(_LABEL.findall(sample[2]))
        where = labels.get(PATH, "")
        if labels.get(LEVEL) != self.level or not f"{where}/".startswith(f"{self.path}/"):
            raise PartError("its answer is about other places, or another level")


@dataclass(slots=True)
class Merged:
    """An exposition of several parts.

    Attributes:
        text: its pieces.
        left_out: the names that stand for a metric of another type elsewhere, by branch: a name has one type.
    """

    text: list[str] = field(default_factory=list)
    left_out: dict[Path, list[str]] = field(default_factory=dict)


def merge(own: Iterable[str], parts: Mapping[Path, Mapping[str, Block]], *, is_openmetrics: bool) -> Merged:
    """Put our families, each with the samples that the parts have of it, before those that the parts alone have.

    Args:
        own: the texts of our families, one each.
        parts: by branch.
        is_openmetrics: whether the text is OpenMetrics.
    """
    result, more, types = Merged(), dict[str, Block](), dict[str, str]()
    texts = [text.removesuffix(f"{_END}\n") for text in own]
    names = [header[1] if (header := _TYPE.search(text)) else "" for text in texts]
    types.update((header[1], header[2]) for text in texts if (header := _TYPE.search(text)))
    for branch, blocks in parts.items():
        for name, block in blocks.items():
            if types.setdefault(name, block.type) != block.type:
                result.left_out.setdefault(branch, []).append(name)
            else:
                more.setdefault(name, Block(block.type, block.headers)).samples += block.samples
    between = "" if is_openmetrics else "\n"
    for name, text in zip(names, texts, strict=True):
        block = more.pop(name, Block())
        result.text.append(text + "".join(f"{line}\n" for line in block.samples) + between)
    for block in more.values():
        result.text.append("\n".join([*block.headers, *block.samples]) + f"\n{between}")
    if is_openmetrics:
        result.text.append(f"{_END}\n")
    return result
