"""SPEC.md says what the code does: its tables and examples are compared."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from fog_schema import codec, columns, errors, frames, limits, packed
from tests.schema.annotated import FIELDS, NAMES, PACKED

SCHEMA = Path(__file__).parents[2] / "schema"
SPEC = (SCHEMA / "SPEC.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SPEC.splitlines() if line.startswith("|")]
QUOTED = re.findall(r"^    hex (\w+): ([0-9a-f ]+)$", SPEC, re.MULTILINE)
RULES = re.findall(r"^\*\*(R\d+\.\d+)\*\* (.*?)(?=^\*\*R|^#)", SPEC, re.MULTILINE | re.DOTALL)
EXAMPLES = dict(
    re.findall(r"^### (\w+)\n.*?^```text\n(.*?)^```$", SPEC.partition("## 16. ")[2], re.MULTILINE | re.DOTALL)
)


def table(first: str, second: str) -> dict[str, list[str]]:
    """Return the rows of the table with these headings, by their first cell."""
    start = next(place for place, row in enumerate(ROWS) if row[:2] == [first, second])
    rows = {}
    for row in ROWS[start + 2 :]:
        if row[0].startswith("---") or (len(row) != len(ROWS[start])):
            break
        rows[row[0]] = row[1:]
    return rows


def number(text: str) -> float:
    """Return a number as SPEC.md writes it: 1,024 or 2^32 - 1."""
    power = re.fullmatch(r"2\^(\d+)( - 1)?", text)
    return 2 ** int(power[1]) - bool(power[2]) if power else float(text.replace(",", ""))


def test_every_limit_is_listed_with_its_value() -> None:
    """The table of limits is limits.py."""
    constants = {name: value for name, value in vars(limits).items() if name.isupper()}
    listed = {name.strip("`"): number(cells[0]) for name, cells in table("limit", "value").items() if name[0] == "`"}
    assert {name: listed[name] for name in constants} == constants
    assert {name for name in listed if "." not in name} == set(constants)


@pytest.mark.parametrize("name", [name.strip("`") for name in table("constant", "default") if name.startswith("`")])
def test_every_constant_has_its_default(name: str) -> None:
    """The table of constants of behaviour names where each lives."""
    module, _, constant = name.rpartition(".")
    value = getattr(importlib.import_module(module), constant)
    assert number(table("constant", "default")[f"`{name}`"][0]) == value


def test_every_reason_is_listed_with_its_meaning() -> None:
    """The table of refusals is errors.REASONS."""
    listed = {name.strip("`"): cells[0] for name, cells in table("reason", "").items()}
    assert {name: listed[name] for name in errors.REASONS} == errors.REASONS


def test_numbers_have_the_names_that_the_code_gives_them() -> None:
    """Kinds, flags, fields and column types."""
    kinds = {int(kind): cells[0] for kind, cells in table("kind", "name").items() if kind.isdigit()}
    assert kinds.items() >= frames.KIND_NAMES.items()
    flags = {int(flag): cells[0] for flag, cells in table("flag", "name").items() if flag.isdigit()}
    assert flags.items() >= frames.FLAG_NAMES.items()
    fields = {int(field): cells[0] for field, cells in table("field", "name").items() if field.isdigit()}
    assert fields == FIELDS
    codes = table("code", "1")["type"]
    assert dict(enumerate(codes, columns.U8)) == NAMES["code"]
    assert len(codes) == len(columns.NUMPY_DTYPES)
    rows = table("code of a packed column", "name")
    assert {int(code): cells[0] for code, cells in rows.items() if code.isdigit()} == PACKED
    assert rows["32 + w"][0] == "bits"
    assert packed.BITS == 32


def test_the_beginning_is_the_preamble() -> None:
    """The first bytes, as the table in section 2 has them."""
    cells = table("byte", "in a frame")
    assert bytes.fromhex("9a " + cells["1 to 4"][0].strip("`")) == codec.PREAMBLE
    assert bytes.fromhex("96 " + cells["1 to 4"][1].strip("`")) == codec.REQUEST_PREAMBLE
    assert bytes.fromhex(cells["5"][0].strip("`")) == bytes([frames.VERSION])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_the_vector_of_its_name(name: str) -> None:
    """The examples are golden files, whose comments a test of their own compares."""
    assert EXAMPLES[name] == (SCHEMA / "vectors" / "valid" / f"{name}.hex").read_text("utf-8")


def test_there_are_examples() -> None:
    """A keyframe, a delta, a rollup, events and a request."""
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(("name", "quoted"), QUOTED)
def test_the_bytes_of_a_rule_s_example_are_the_vector_s(name: str, quoted: str) -> None:
    """A rule quotes bytes of a golden file."""
    lines = (SCHEMA / "vectors" / "valid" / f"{name}.hex").read_text("utf-8").splitlines()
    assert bytes.fromhex(quoted) in bytes.fromhex("".join(line.partition("#")[0] for line in lines))


@pytest.mark.parametrize(("number", "text"), RULES, ids=[number for number, _ in RULES])
def test_every_rule_has_an_example(number: str, text: str) -> None:
    """A number line or bytes, indented below the rule."""
    assert re.search(r"^    \S", text, re.MULTILINE)
