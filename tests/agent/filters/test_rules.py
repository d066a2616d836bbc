"""Rules as Prometheus has them: what each action does, what is refused, and patterns that cannot hang."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
import re2
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_agent.core.filters.parsing import RELABEL_KEY, FilterError, as_document, parse_filters
from fog_agent.core.filters.patterns import PatternError, compile_pattern, expand
from fog_agent.core.filters.rules import Decision, Filters
from fog_agent.edge.filter_file import load_filters
from tests.examples import examples

Rule = dict[str, Any]


def relabel(*rules: Rule) -> Filters:
    """Return filters of rules of relabeling."""
    return parse_filters({RELABEL_KEY: list(rules)})


def after(labels: dict[str, str], *rules: Rule) -> dict[str, str] | None:
    """Return what rules make of a series called `x`; None when it is not sent."""
    found = relabel(*rules).decide({"__name__": "x", **labels}).labels
    return (
        None if found is None else {name: value for name, value in found.items() if (name, value) != ("__name__", "x")}
    )


A = {"a": "foo", "b": "bar", "c": "baz"}


@pytest.mark.parametrize(
    ("labels", "rules", "expected"),
    [
        (
            A,
            [{"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"}],
            "choo-choo",
        ),
        (A, [{"source_labels": ["a", "b"], "target_label": "d"}], "foo;bar"),
        (A, [{"source_labels": ["a", "b"], "separator": "", "target_label": "d"}], "foobar"),
        (A, [{"target_label": "d", "replacement": "static"}], "static"),
        (
            A,
            [{"source_labels": ["a"], "regex": "(?P<first>f)(o+)", "target_label": "d", "replacement": "${first}$2$$"}],
            "foo$",
        ),
        (A, [{"source_labels": ["a"], "regex": "o", "target_label": "d"}], None),
        (A, [{"source_labels": ["none"], "target_label": "d"}], None),
        (A, [{"source_labels": ["a"], "target_label": "d", "action": "uppercase"}], "FOO"),
        ({"a": "FOO"}, [{"source_labels": ["a"], "target_label": "d", "action": "lowercase"}], "foo"),
        (A, [{"source_labels": ["a"], "target_label": "${1}x", "regex": "(d)?foo", "replacement": "v"}], None),
        ({"a": "x\ny"}, [{"source_labels": ["a"], "regex": "x.y", "target_label": "d", "replacement": "two"}], "two"),
        (
            A,
            [{"source_labels": ["a"], "target_label": "__tmp"}, {"source_labels": ["__tmp"], "target_label": "d"}],
            "foo",
        ),
    ],
)
def test_replacing(labels: dict[str, str], rules: list[Rule], expected: str | None) -> None:
    """A rule sets a label by what it matched as a whole, and does nothing where it does not match."""
    found = after(labels, *rules)
    assert found is not None
    assert found.get("d") == expected
    assert not [name for name in found if name.startswith("__") and name != "__name__"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"source_labels": ["a"], "regex": "fo.*", "action": "drop"}, None),
        ({"source_labels": ["a"], "regex": "fo", "action": "drop"}, A),
        ({"source_labels": ["a"], "regex": "foo|x", "action": "keep"}, A),
        ({"source_labels": ["a"], "regex": "f", "action": "keep"}, None),
        ({"source_labels": ["__name__"], "regex": "x", "action": "drop"}, None),
        ({"source_labels": ["a"], "target_label": "b", "action": "keepequal"}, None),
        ({"source_labels": ["a"], "target_label": "b", "action": "dropequal"}, A),
        ({"regex": "b|c", "action": "labeldrop"}, {"a": "foo"}),
        ({"regex": "__name__|b", "action": "LabelKeep"}, {"b": "bar"}),
        ({"regex": "(a|b)", "replacement": "new_$1", "action": "labelmap"}, {**A, "new_a": "foo", "new_b": "bar"}),
        ({"source_labels": ["a"], "regex": "foo", "target_label": "b", "replacement": ""}, {"a": "foo", "c": "baz"}),
        ({"source_labels": ["a"], "target_label": "__name__"}, {**A, "__name__": "foo"}),
    ],
)
def test_actions(rule: Rule, expected: dict[str, str] | None) -> None:
    """Each action, on a series with three labels."""
    assert after(A, rule) == expected


def test_what_no_rule_changes_stays_as_it_is() -> None:
    """An empty label stays too, which rules would take away."""
    labels = {"__name__": "x", "empty": ""}
    rule = {"source_labels": ["empty"], "regex": "y", "action": "drop"}
    assert relabel(rule).decide(labels) == Decision(labels)


REFUSED: list[tuple[Rule, str]] = [
    ({"action": "sort"}, "the action 'sort' is not known"),
    ({"action": "hashmod", "modulus": 2, "target_label": "a"}, "hashmod"),
    ({"sources": ["a"]}, "did you mean source_labels"),
    ({"action": "replace"}, "replace needs a target_label"),
    ({"action": "lowercase"}, "lowercase needs a target_label"),
    ({"target_label": "a-b"}, "is no label name"),
    ({"action": "uppercase", "target_label": "${1}"}, "is no label name"),
    ({"action": "labelmap", "replacement": "a-b"}, "is no label name"),
    ({"action": "labeldrop", "source_labels": ["a"], "regex": "b"}, "labeldrop has no source_labels"),
    ({"action": "keepequal", "target_label": "a", "regex": "b"}, "keepequal has no regex"),
    ({"source_labels": "a", "target_label": "b"}, "must be a list of label names"),
    ({"regex": "(", "target_label": "a"}, "the regex"),
    ({"regex": 5, "target_label": "a"}, "must be a text"),
]


@pytest.mark.parametrize(("rule", "text"), REFUSED)
def test_a_rule_that_cannot_be_used_is_refused_with_its_number(rule: Rule, text: str) -> None:
    """In one line that names the rule and says what to write."""
    with pytest.raises(FilterError) as refused:
        relabel({"target_label": "fine"}, rule)
    assert str(refused.value).startswith(f"{RELABEL_KEY}, rule 2: ")
    assert text in str(refused.value)


@pytest.mark.parametrize("rule", [{"regex": ".*", "action": "labeldrop"}, {"regex": "a", "action": "labelkeep"}])
def test_no_rule_takes_the_names_of_all_series(rule: Rule) -> None:
    """Prometheus takes such a rule, and then no sample."""
    with pytest.raises(FilterError, match="takes __name__ away from every series"):
        relabel(rule)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package prometheus brings promtool")
def test_promtool_refuses_what_is_refused_here(tmp_path: Path) -> None:
    """And takes what is taken. `hashmod` alone is left out here on purpose."""
    taken: list[Rule] = [
        {"source_labels": ["a"], "target_label": "${1}_x", "regex": "(d)?foo"},
        {"regex": "b|c", "action": "labeldrop"},
        {"source_labels": ["a"], "target_label": "b", "action": "uppercase"},
        {"regex": "(a|b)", "replacement": "new_$1", "action": "labelmap"},
        {"source_labels": ["a"], "regex": "x", "action": "keep"},
    ]
    refused = [
        rule for rule, text in REFUSED if text != "hashmod" and "sources" not in rule and text != "source_labels"
    ]
    judged = []
    for at, rule in enumerate((*taken, *refused)):
        config = {"scrape_configs": [{"job_name": "x", "static_configs": [], RELABEL_KEY: [rule]}]}
        file = tmp_path / f"{at}.yml"
        file.write_text(yaml.safe_dump(config))
        command = ["promtool", "check", "config", "--syntax-only", str(file)]
        judged.append(subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0)
    ours = []
    for rule in (*taken, *refused):
        try:
            relabel(rule)
            ours.append(True)
        except FilterError:
            ours.append(False)
    differ = [rule for rule, one, other in zip((*taken, *refused), judged, ours, strict=True) if one != other]
    later = ("keepequal", "uppercase")  # Debian's promtool is older than what is refused of these
    assert [rule for rule in differ if rule.get("regex") != 5 and rule.get("action") not in later] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(a*)*",
        "(a?){30}a",
        r"(\w+)\1",
        "(?=a)b",
        "a*+",
        "a.*b.*c.*d.*e.*f",
        "(a|b)" * 7,
        "a?" * 7,
        "(",
        "\\",
        "a{1001}",
    ],
)
def test_patterns_that_may_hang_are_refused_without_re2(pattern: str) -> None:
    """Repetitions in repetitions, too many of them, and what RE2 does not have."""
    with pytest.raises(PatternError):
        compile_pattern(pattern, with_re2=False)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(.*);(.*);(.*)", "a;b;c"),
        ("(foo|bar)_total", "bar_total"),
        ("[(+*]x{2,3}", "+xxx"),
        ("(?i)GO", "go"),
        ("((a)b)+", "abab"),
    ],
)
def test_usual_patterns_are_taken_by_both_engines(pattern: str, text: str) -> None:
    """And match the same; a text that is too long for Python's engine is told."""
    for with_re2 in (True, False):
        found = compile_pattern(pattern, with_re2=with_re2)
        assert found.match(text)
        assert not found.match(text[:-1] + "!\n") or ".*" in pattern
    with pytest.raises(PatternError, match="is tried on"):
        found.match("x" * 20_000)


DIFFERENT: list[tuple[str, str, bool]] = [
    ("[[:alpha:]]+", "abc", True),
    ("[[:^digit:]_]+", "ab_", True),
    ("[a&&b]+", "a&b", True),
    ("[a||b]+", "a|b", True),
    (r"\s", "\v", False),
    (r"[\s]", "\v", False),
    (r"\B", "", True),
    ("a{,2}", "aa", False),
    ("a{,2}", "a{,2}", True),
    ("(?i)É", "é", True),
    ("(?i)k", "\u212a", True),
    ("(?i)[a-z]", "\u017f", True),
    (r"(?i)\w", "\u212a", True),
    ("(foo$|bar).*", "foo\n", False),
    ("foo$.?", "foo\n", False),
    (r"\pL+", "é", True),
    (r"\Qa.b\E", "a.b", True),
    (r"a\z", "a", True),
    ("(?U)a*", "aa", True),
]


@pytest.mark.parametrize(("pattern", "text", "matches"), DIFFERENT)
def test_what_the_engines_read_differently_is_left_to_re2(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001
    """Or refused without it: never another meaning in silence."""
    assert (compile_pattern(pattern).match(text) is not None) == matches
    with pytest.raises(PatternError, match=r"RE2|unknown|escape"):
        compile_pattern(pattern, with_re2=False)


@pytest.mark.parametrize("pattern", [r"a\Z", r"\u0041", "[[", "[\\b]", "a)(b", "[a--b]"])
def test_what_re2_does_not_have_is_refused_with_either_engine(pattern: str) -> None:
    """Also where Python's engine has it."""
    for with_re2 in (True, False):
        with pytest.raises(PatternError):
            compile_pattern(pattern, with_re2=with_re2)


PIECES = [
    *(
        "a",
        "k",
        "é",
        "\n",
        "_",
        ".",
        "^",
        "$",
        "|",
        "(",
        ")",
        "(?:",
        "(?i)",
        "(?i:",
        "(?m)",
        "(?s:",
        "(?-s:",
        "*",
        "+",
        "?",
    ),
    *("[", "]", "[^", "-", "&", ":", "[:alpha:]", "{", "}", "{,2}", "{2}", "{1,2}", ","),
    *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\b", r"\B", r"\A", r"\Z", r"\v", r"\a", r"\.", r"\]", r"\x6b", r"\1", "\\"),
]
TEXTS = st.lists(st.sampled_from([*"akKé_\n\v-&:{,}2. \u212a\u017fÉ"]), max_size=5).map("".join)


@settings(max_examples=examples(1500))
@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.lists(TEXTS, min_size=1, max_size=8))
def test_a_pattern_that_is_taken_without_re2_means_what_it_means_to_re2(pattern: str, texts: list[str]) -> None:
    """For whatever pattern and text; a warning of Python's is an error here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            alone = compile_pattern(pattern, with_re2=False)
    except PatternError:
        return
    options = re2.Options()
    options.dot_nl = True
    judge = re2.compile(pattern, options)
    for text in texts:
        assert (alone.match(text) is not None) == (judge.fullmatch(text) is not None)


@given(st.text("ab;_$12{}", max_size=12), st.text("ab;_", max_size=9))
def test_both_engines_expand_alike(template: str, text: str) -> None:
    """Whatever stands in a template."""
    ours, theirs = (compile_pattern("(a*)(?P<b1>b.*)?.*", with_re2=with_re2).match(text) for with_re2 in (False, True))
    assert ours is not None
    assert theirs is not None
    assert expand(template, ours) == expand(template, theirs)


def test_a_number_of_thousands_of_digits_is_no_group() -> None:
    """Python makes no number of them."""
    found = compile_pattern("(a)").match("a")
    assert found is not None
    assert expand("<$" + "9" * 5000 + "$1>", found) == "<a>"


def test_a_text_too_long_for_a_pattern_leaves_its_series_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not sent, rather than let a node hang."""
    monkeypatch.setattr("fog_agent.core.filters.patterns._re2", lambda: None)
    filters = relabel({"source_labels": ["a"], "regex": "(.*)x(.*)y(.*)z(.*)", "target_label": "b"})
    assert filters.decide({"__name__": "x", "a": "q" * 1000}).dropped_by == "too long"


def test_files_of_both_forms_say_the_same(tmp_path: Path) -> None:
    """TOML, YAML as a list, and YAML as a mapping; and what is written as a document is read as the same."""
    rules = [{"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"}]
    (tmp_path / "f.toml").write_text(
        '[[metric_relabel_configs]]\nsource_labels = ["__name__"]\nregex = "go_.*"\naction = "drop"\n'
    )
    (tmp_path / "list.yml").write_text(yaml.safe_dump(rules))
    (tmp_path / "mapping.yaml").write_text(yaml.safe_dump({RELABEL_KEY: rules}))
    toml, *others = [load_filters(tmp_path / name) for name in ("f.toml", "list.yml", "mapping.yaml")]
    assert others == [toml, toml]
    assert parse_filters(as_document(toml)) == toml
    assert tomllib.loads((tmp_path / "f.toml").read_text()) == as_document(toml)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("f.toml", "a = ", "is not TOML"),
        ("f.yml", "a: [", "is not YAML"),
        ("f.yml", "5", "is neither a list of rules nor a mapping"),
        ("f.yml", "scrape_configs: []", "is neither a list of rules nor a mapping"),
        ("f.toml", "aggregates = []", "did you mean aggregate"),
        ("f.toml", "aggregate = [{match = 'x'}]", "aggregate, rule 1: needs either without or by"),
        ("f.toml", "aggregate = [{without = ['x']}]", "aggregate, rule 1: needs a match"),
        (
            "f.toml",
            "aggregate = [{match = 'x', without = ['a', '__name__']}]",
            "aggregate, rule 1: without has __name__",
        ),
        ("f.toml", "aggregate = 5", "aggregate: is not a list of rules"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    """With what is wrong in it."""
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(FilterError) as refused:
        load_filters(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(FilterError, match="cannot be read: No such file"):
        load_filters(tmp_path / "none.toml")
