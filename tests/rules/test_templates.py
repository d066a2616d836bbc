"""Templates of alerts: the same texts as promtool's, and errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fog_aggregator.promql import MemoryStorage, QueryError, instant_query
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.rules import vector_of
from fog_aggregator.rules.templates import TemplateData, TemplateError, Vector, compile_template
from fog_aggregator.rules.templates.execute import MAX_OUTPUT, MAX_STEPS
from fog_aggregator.rules.templates.functions import FUNCTIONS
from fog_aggregator.rules.templates.parser import MAX_NESTING, MAX_SOURCE
from tests.promql.asking import load
from tests.rules.promtool import judge_texts, needs_promtool, promtool, write_yaml
from tests.rules.template_cases import CASES

STORAGE = load('v{job="a"} 3.5')
UP = make_labels({"__name__": "up", "job": "a", "n": "1"})


def query(expression: str, storage: MemoryStorage = STORAGE) -> Vector:
    """Evaluate at the beginning."""
    return vector_of(instant_query(expression, storage, 0))


def render(template: str, value: float | None = None) -> str:
    """Render a template of an alert A, over `up` or over a value without labels."""
    labels: Labels = UP if value is None else ()
    data = TemplateData(labels, 7.0 if value is None else value, query, (("site", "here"),), "http://fog.example/x")
    return compile_template(template, "A").render(data)


@pytest.mark.parametrize(("value", "template", "text"), CASES, ids=[template for _, template, _ in CASES])
def test_texts(value: float | None, template: str, text: str) -> None:
    """Each case, by our own engine."""
    assert render(template, value) == text


@needs_promtool
def test_texts_are_promtools(tmp_path: Path) -> None:
    """Each case, by promtool."""

    def expression(value: float | None) -> str:
        return "up" if value is None else f"vector({'Inf' if value == float('inf') else repr(value)})"

    labels = {name: text for name, text in UP if name != "__name__"}
    judged = [(expression(value), labels if value is None else {}, template, text) for value, template, text in CASES]
    assert judge_texts(tmp_path, {'up{job="a", n="1"}': "7", 'v{job="a"}': "3.5"}, judged) == ""


WRONG = [
    ("{{ if }}", "missing value for if"),
    ("{{ humanize }", 'unexpected "}" in operand'),
    ("{{ end }}", "unexpected {{end}}"),
    ("{{ else }}", "unexpected {{else}}"),
    ("{{ if true }}", "unexpected EOF"),
    ("{{ if true }}a{{ else }}b{{ else }}c{{ end }}", "expected end; found {{else}}"),
    ("{{ $x }}", 'undefined variable "$x"'),
    ("{{ with $x := 1 }}{{ end }}{{ $x }}", 'undefined variable "$x"'),
    ("{{ $value", "unclosed action"),
    ("{{ ($value }}", "unclosed left paren"),
    ("{{ $value) }}", None),
    ('{{ "abc }}', "unterminated quoted string"),
    ("{{ `abc }}", "unterminated raw quoted string"),
    ("{{ 1 | 2 }}", "non executable command in pipeline stage 2"),
    ("{{ true.x }}", 'unexpected . after term "true"'),
    ("{{ }}", "missing value for command"),
    ("{{ | humanize }}", 'unexpected "|" in command'),
    ("{{/* x }}", "unclosed comment"),
    ("{{ 1x }}", 'bad number syntax: "1x"'),
    ("{{ $value@ }}", "bad character U+0040 '@'"),
    ("{{ é }}", None),
    ("a\nb {{ if }}", "missing value for if"),
]


@pytest.mark.parametrize(("template", "said"), WRONG)
def test_what_cannot_be_read_is_an_error(template: str, said: str | None) -> None:
    """In Go's words, with the line."""
    with pytest.raises(TemplateError) as caught:
        compile_template(template, "A")
    line = template.count("\n") + 1
    assert said is None or str(caught.value) == f"template: __alert_A:{line}: {said}"


@needs_promtool
@pytest.mark.parametrize(("template", "said"), WRONG)
def test_promtool_says_the_same(template: str, said: str | None, tmp_path: Path) -> None:
    """Word for word."""
    rule = {"alert": "A", "expr": "up", "annotations": {"a": template}}
    write_yaml(tmp_path / "rules.yml", {"groups": [{"name": "g", "rules": [rule]}]})
    done = promtool("check", "rules", "rules.yml", folder=tmp_path)
    assert done.returncode == 1
    line = template.count("\n") + 1
    assert said is None or f'annotation "a": template: __alert_A:{line}: {said}\n' in done.stderr


@pytest.mark.parametrize("name", ["reReplaceAll", "title", "tableLink", "nosuch"])
def test_an_unknown_function_is_an_error_that_lists_the_known_ones(name: str) -> None:
    """At load, not when the alert goes out."""
    with pytest.raises(TemplateError) as caught:
        compile_template(f'{{{{ {name} "x" }}}}', "A")
    supported = ", ".join(sorted(FUNCTIONS))
    assert str(caught.value) == (
        f"template: __alert_A:1: template function {name} is not supported (supported: {supported})"
    )


@pytest.mark.parametrize("keyword", ["define", "template", "block", "break", "continue"])
def test_an_unsupported_keyword_is_an_error(keyword: str) -> None:
    """Likewise."""
    with pytest.raises(TemplateError, match=f"template keyword {keyword} is not supported"):
        compile_template(f'{{{{ {keyword} "x" }}}}', "A")


def test_limits() -> None:
    """Of the text, of nesting, of steps and of the result."""
    with pytest.raises(TemplateError, match=f"at most {MAX_SOURCE} are read"):
        compile_template("x" * (MAX_SOURCE + 1), "A")
    for open_, close in (("{{ if true }}", "{{ end }}"), ("{{ (", ") }}")):
        deep = open_ * (MAX_NESTING + 1) if "if" in open_ else "{{ " + "(" * (MAX_NESTING + 1) + "1"
        with pytest.raises(TemplateError, match=f"more than {MAX_NESTING} levels are not read"):
            compile_template(deep + close, "A")
    assert f"more than {MAX_OUTPUT} characters" in render('{{ $x := printf "%9999d" 1 }}' + "{{ $x }}" * 7)
    loops = "{{ range $labels }}" * 12 + "{{ end }}" * 12
    assert f"more than {MAX_STEPS} steps" in render(loops)
    assert render('{{ printf "%99999999d" 1 }}') == "%!(BADWIDTH)1"


def test_a_query_that_fails_is_said_in_the_text() -> None:
    """The alert goes out all the same."""
    text = render('{{ query "v{" | first }}')
    assert text.startswith("<error expanding template: error executing template __alert_A: template: __alert_A:1:115: ")
    assert 'at <query "v{">: error calling query: parse error' in text
    with pytest.raises(QueryError):
        query("v{")
