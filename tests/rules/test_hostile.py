"""Damaged and random files and templates end in an error of ours, and nothing else ever comes out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from fog_aggregator.promql import instant_query
from fog_aggregator.promql.labels import make_labels
from fog_aggregator.rules import RuleFileError, load, vector_of
from fog_aggregator.rules.templates import TemplateData, TemplateError, Vector, compile_template
from fog_aggregator.rules.templates.functions import FUNCTIONS
from fog_aggregator.rules.unit_tests import read_unit_tests, run_unit_test
from tests.promql.asking import load as load_series
from tests.rules.promtool import judge_texts, needs_promtool
from tests.rules.template_cases import CASES

FILES: Final = sorted((Path(__file__).parent / "files").glob("*.yml"))
TRIES: Final = 150
PIECES: Final = (
    "{{", "}}", "{{-", "-}}", "{{/*", "*/}}", "(", ")", "|", ":=", "=", ",", ".", "$", "$x", "$value", "$labels.a",
    ".Labels", "if", "else", "end", "range", "with", "nil", "true", '"a"', "`b`", "1", "-2.5", "'c'", " ", "\n", "@",
    "\x00", "é", "text", *FUNCTIONS,
)  # fmt: skip


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change, drop or repeat some bytes, or cut."""
    data = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[place] = chance.choice(b"{}[]:-&*!|>'\"%@`#,?\n\t \x00\xff0x")
        elif kind == 1:
            del data[place : place + chance.randrange(1, 20)]
        elif kind == 2:
            data[place:place] = data[max(0, place - chance.randrange(1, 40)) : place]
        else:
            del data[chance.randrange(len(data) * 3 // 4, len(data)) :]
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_damaged_files(file: Path) -> None:
    """They are read, or refused with a problem for each."""
    chance = random.Random(file.name)
    problems: list[str] = []
    read = load if ".rules." in file.name else read_unit_tests
    for _ in range(TRIES):
        content = damaged(file.read_bytes(), chance)
        try:
            read(content, "x.yml")
        except RuleFileError as error:
            problems.append(str(error))
    assert 0 < len(problems) < TRIES
    assert all(text.startswith("x.yml: ") for text in problems)


def test_damaged_tests_run_to_an_end() -> None:
    """Readable ones have results."""
    folder = FILES[0].parent
    rules = [load((folder / "fleet.rules.yml").read_bytes(), "r.yml")]
    chance = random.Random(1)
    ran = 0
    for _ in range(TRIES // 3):
        try:
            file = read_unit_tests(damaged((folder / "fleet.test.yml").read_bytes(), chance), "x.yml")
        except RuleFileError:
            continue
        ran += sum(isinstance(run_unit_test(file, test, rules), list) for test in file.tests)
    assert ran


def texts() -> Iterator[str]:
    """Put templates together at random, and damage real ones."""
    chance = random.Random(2)
    for _ in range(4000):
        yield " ".join(chance.choices(PIECES, k=chance.randrange(1, 12)))
        yield "{{ " + " ".join(chance.choices(PIECES[5:], k=chance.randrange(1, 7))) + " }}"
        template = list(chance.choice(CASES)[1])
        template[chance.randrange(len(template))] = chance.choice(PIECES)
        yield "".join(template)


def data() -> TemplateData:
    """Make the data of the series `up`, which has no others beside it."""
    storage = load_series('up{a="b"} 7.5')
    labels = make_labels({"__name__": "up", "a": "b"})

    def query(expression: str) -> Vector:
        return vector_of(instant_query(expression, storage, 0))

    return TemplateData(labels, 7.5, query, (("site", "here"),), "http://fog.example/x")


@needs_promtool
def test_random_templates_have_promtools_texts(tmp_path: Path) -> None:
    """All but one in a hundred: the words of the PromQL parser differ, and those for comparisons of maps."""
    cases = []
    for text in sorted(set(texts())):
        try:
            template = compile_template(text, "A")
        except TemplateError:
            continue
        cases.append(("up", {"a": "b"}, text, template.render(data())))
    said = judge_texts(tmp_path, {'up{a="b"}': "7.5"}, cases)
    assert len(cases) > 1000
    assert said.startswith("Unit Testing:")
    assert 0 < said.count("\n    alertname: ") < len(cases) / 100, said[:2000]


def test_random_templates() -> None:
    """They are refused, or rendered."""
    problems: list[str] = []
    rendered: list[str] = []
    for text in texts():
        try:
            template = compile_template(text, "A")
        except TemplateError as error:
            problems.append(str(error))
        else:
            rendered.append(template.render(data()))
    assert all(text.startswith("template: __alert_A:") for text in problems)
    failed = [text for text in rendered if text.startswith("<error expanding template: ")]
    assert min(len(problems), len(rendered), len(failed)) > 100
