"""Rule files: what is read, and what each wrong thing is told as."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fog_aggregator.rules import AlertingRule, RecordingRule, RuleFileError, load
from fog_aggregator.rules.load import MAX_GROUPS, MAX_RULES
from fog_aggregator.rules.yaml_tree import MAX_BYTES, MAX_DEPTH
from tests.rules.storing import load_text

WHOLE = """\
groups:
- name: load
  interval: 30s
  query_offset: 1m
  limit: 7
  labels: {team: fog, tier: group}
  rules:
  - record: path:load:sum
    expr: sum by (path) (load)
    labels: {tier: rule}
  - alert: High
    expr: path:load:sum > 5
    for: 1h30m
    keep_firing_for: 5m
    labels: {severity: 1}
    annotations: {summary: it is high}
- name: nothing
"""


def problems(text: str) -> list[str]:
    """Load what cannot be loaded: the problems."""
    with pytest.raises(RuleFileError) as caught:
        load_text(text)
    assert str(caught.value).splitlines() == list(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def rule(*lines: str) -> str:
    """Write a file with one group `g` and one rule."""
    return "groups:\n- name: g\n  rules:\n  - " + "\n    ".join(lines) + "\n"


def test_a_file_with_every_field_is_read() -> None:
    """Group labels are under those of the rules, numbers are texts, and times are milliseconds."""
    file = load_text(WHOLE)
    group, empty = file.groups
    assert (group.name, group.file, group.interval, group.query_offset, group.limit, group.line) == (
        "load", "rules.yml", 30_000, 60_000, 7, 2,
    )  # fmt: skip
    recording, alerting = group.rules
    assert isinstance(recording, RecordingRule)
    assert (recording.name, recording.expression, recording.line) == ("path:load:sum", "sum by (path) (load)", 8)
    assert recording.labels == (("team", "fog"), ("tier", "rule"))
    assert isinstance(alerting, AlertingRule)
    assert (alerting.name, alerting.pending_for, alerting.keep_firing_for) == ("High", 5_400_000, 300_000)
    assert [(name, text.source) for name, text in alerting.labels] == [
        ("severity", "1"), ("team", "fog"), ("tier", "group"),
    ]  # fmt: skip
    assert [(name, text.source) for name, text in alerting.annotations] == [("summary", "it is high")]
    assert empty.rules == ()
    assert file.rules == 2


@pytest.mark.parametrize("text", ["", "groups:\n", "# a comment\n", "groups: []\n", "---\n"])
def test_a_file_may_be_empty(text: str) -> None:
    """As in Prometheus."""
    assert load_text(text).groups == ()


def test_a_second_document_is_warned_of() -> None:
    """Only the first one counts."""
    file = load_text("groups: [{name: a}]\n---\nnonsense: 1\n")
    assert [group.name for group in file.groups] == ["a"]
    assert file.warnings == (
        "Multiple document yaml rules files are not supported, only the first document is processed",
    )


def test_aliases_and_merges_are_read() -> None:
    """A rule's own fields count more than merged ones."""
    text = """\
groups:
- name: g
  rules:
  - &first {alert: A, expr: up == 0, for: 1m, labels: &set {a: x}}
  - <<: *first
    alert: B
  - {alert: C, <<: *first, expr: up, labels: *set}
"""
    rules = load_text(text).groups[0].rules
    assert [(one.name, one.expression) for one in rules] == [("A", "up == 0"), ("B", "up == 0"), ("C", "up")]
    assert [one.pending_for for one in rules if isinstance(one, AlertingRule)] == [60_000, 60_000, 60_000]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rule("alert: A", "expr: 'sum('"), 'rules.yml: 5:11: group "g", rule 1, "A": could not parse expression: '),
        (rule("alert: A", "for: 1m"), 'rules.yml: 4:5: group "g", rule 1, "A": field \'expr\' must be set in rule'),
        (rule("expr: up"), 'rules.yml: 4:5: group "g", rule 1, "": one of \'record\' or \'alert\' must be set'),
        (
            rule("alert: A", "record: b", "expr: up"),
            'rules.yml: 5:13: group "g", rule 1, "A": only one of \'record\' and \'alert\' must be set',
        ),
        (
            rule("record: b", "expr: up", "for: 1m"),
            'rules.yml: 4:13: group "g", rule 1, "b": invalid field \'for\' in recording rule',
        ),
        (
            rule("record: b", "expr: up", "annotations: {a: b}"),
            'rules.yml: 4:13: group "g", rule 1, "b": invalid field \'annotations\' in recording rule',
        ),
        (
            rule("record: b", "expr: up", "keep_firing_for: 1m"),
            'rules.yml: 4:13: group "g", rule 1, "b": invalid field \'keep_firing_for\' in recording rule',
        ),
        (
            rule("record: 'b{c=\"d\"}'", "expr: up"),
            'rules.yml: 4:13: group "g", rule 1, "b{c="d"}": invalid recording rule name: b{c="d"}',
        ),
        (
            rule("alert: A", "expr: up", "labels: {__name__: x}"),
            'rules.yml: 6:14: group "g", rule 1, "A": invalid label name: __name__',
        ),
        (
            rule("alert: A", "expr: up", "labels: {a-b: x}"),
            'rules.yml: 6:14: group "g", rule 1, "A": invalid label name: a-b',
        ),
        (
            rule("alert: A", "expr: up", "annotations: {a.b: x}"),
            'rules.yml: 6:19: group "g", rule 1, "A": invalid annotation name: a.b',
        ),
        (
            rule("alert: A", "expr: up", "for: 5x"),
            'rules.yml: 6:10: group "g", rule 1, "A": not a valid duration string: "5x"',
        ),
        (
            rule("alert: A", "expr: up", "foo: 1"),
            'rules.yml: 6:5: group "g", rule 1, "A": field foo not found in type rulefmt.RuleNode: it has record, ',
        ),
        (
            rule("alert: A", "expr: up", "expr: down"),
            'rules.yml: 6:5: group "g", rule 1, "A": mapping key "expr" already defined at line 5',
        ),
        (
            rule("alert: A", "expr: [up]"),
            'rules.yml: 5:11: group "g", rule 1, "A": cannot unmarshal !!seq into string',
        ),
        (
            "groups: [{name: a}, {name: a}]\n",
            'rules.yml: 1:21: groupname: "a" is repeated in the same file',
        ),
        ("groups: [{rules: []}]\n", "rules.yml: 1:10: Groupname must not be empty"),
        ("groups: [{name: a, limit: x}]\n", 'rules.yml: 1:27: group "a": cannot unmarshal !!str `x` into int'),
        ("groups: [{name: a, limit: -1}]\n", 'rules.yml: 1:27: group "a": the limit -1 is below 0: 0 means no limit'),
        (
            "groups: [{name: a, labels: {1: x}}]\n",
            'rules.yml: 1:29: group "a": invalid label name: 1',
        ),
        (
            "groups: [{name: a, rules: {}}]\n",
            'rules.yml: 1:27: group "a": cannot unmarshal !!map into []rulefmt.RuleNode',
        ),
        ("groups: [x]\n", "rules.yml: 1:10: cannot unmarshal !!str `x` into rulefmt.RuleGroup"),
        ("rules: []\n", "rules.yml: 1:1: field rules not found in type rulefmt.RuleGroups: it has groups"),
        ("- a\n", "rules.yml: 1:1: cannot unmarshal !!seq into rulefmt.RuleGroups"),
        ("groups: [\n", "rules.yml: 2:1: yaml: did not find expected node content"),
        ("groups: *gone\n", "rules.yml: 1:9: yaml: unknown anchor 'gone' referenced"),
        ("? [a]\n: b\n", "rules.yml: 1:3: yaml: a key must be text"),
    ],
)  # fmt: skip
def test_a_problem_is_told_with_its_place(text: str, said: str) -> None:
    """File, line, column, group, rule, and promtool's words."""
    assert problems(text)[0].startswith(said)


def test_all_problems_are_told() -> None:
    """Not only the first."""
    text = rule("alert: A", "expr: up{", "for: 1", "labels: {__name__: a, b-c: d}") + "- name: g\n  other: 1\n"
    assert [one.split(": ")[1] for one in problems(text)] == [
        "5:11", "6:10", "7:14", "7:27", "9:3", "8:3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#" * (MAX_BYTES + 1), f"the file has more than {MAX_BYTES} bytes: split it"),
        ("[" * 500 + "]" * 500, f"yaml: more than {MAX_DEPTH} levels are not read"),
        ("groups:\n" + "- name: x\n" * (MAX_GROUPS + 1), f"a file may have {MAX_GROUPS} groups"),
        (
            "groups:\n- name: x\n  rules:\n" + "  - {alert: A, expr: up}\n" * (MAX_RULES + 1),
            f"a file may have {MAX_RULES} rules: split it",
        ),
        (
            "a: &a [x, x, x, x, x, x, x, x]\n"
            + "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]\n" for old, new in pairwise("abcdefghi")),
            "yaml: more than 200000 values are not read: split the file",
        ),
        ("[" * 100_000, "yaml: exceeded maximum nesting depth"),
        ("a: &a [*a]\n", "yaml: unknown anchor 'a' referenced"),
    ],
    ids=["bytes", "depth", "groups", "rules", "aliases", "abyss", "loop"],
)
def test_limits(text: str, said: str) -> None:
    """A hostile file ends in an error, before anything grows."""
    assert said in problems(text)[0]


def test_bytes_that_are_no_text_are_told() -> None:
    """A file in another encoding."""
    with pytest.raises(RuleFileError, match="is not UTF-8"):
        load(b"groups: \xff\xfe", "rules.yml")
