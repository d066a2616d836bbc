"""Reading of rule files: strict, with all problems of a file, each with place, group and rule, in promtool's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import NAME, make_labels
from fog_aggregator.promql.language.parse import parse
from fog_aggregator.promql.language.tree import Expression, Number
from fog_aggregator.rules.fields import Fields, Report, read_fields
from fog_aggregator.rules.model import (
    ON_SILENCE,
    AlertingRule,
    OnSilence,
    RecordingRule,
    Rule,
    RuleFile,
    RuleGroup,
    Templates,
)
from fog_aggregator.rules.templates import Template, TemplateError, compile_template
from fog_aggregator.rules.yaml_tree import Node, Place, YamlError, read_document

MAX_GROUPS: Final = 1000
MAX_RULES: Final = 10_000
"""Of a file, and of a group."""

MAX_PROBLEMS: Final = 1000
"""Of a file; further ones are counted."""

FILE_FIELDS: Final = ("groups",)
GROUP_FIELDS: Final = ("name", "interval", "query_offset", "limit", "labels", "rules")
RULE_FIELDS: Final = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_ALERTING_ONLY: Final = ("annotations", "for", "keep_firing_for")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MANY_DOCUMENTS: Final = "Multiple document yaml rules files are not supported, only the first document is processed"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file.

    Attributes:
        file, text: The file's name, and the words for a person.
        place: Its place; None for the file as a whole.
        group, rule, rule_name: The group, and the number (from 1) and the name of the rule in it.
    """

    file: str
    text: str
    place: Place | None = None
    group: str | None = None
    rule: int = 0
    rule_name: str = ""

    def __str__(self) -> str:
        where = [self.file, *([str(self.place)] if self.place else [])]
        if self.rule:
            where.append(f'group "{self.group}", rule {self.rule}, "{self.rule_name}"')
        elif self.group is not None:
            where.append(f'group "{self.group}"')
        return f"{': '.join(where)}: {self.text}"


class RuleFileError(Exception):
    """A file that cannot be used; the text is a problem a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, file: str, text: str) -> RuleFileError:
        """Make the error of a file as such."""
        return cls([Problem(file, text)])


def load(content: bytes, file: str) -> RuleFile:
    """Read the groups of a file; `file` is its name, for the problems.

    Raises:
        RuleFileError: when anything is wrong, with everything that is.
    """
    try:
        document = read_document(content)
    except YamlError as error:
        raise RuleFileError([Problem(file, str(error), error.place)]) from None
    reader = _Reader(file)
    groups = () if document.root is None else tuple(reader.groups(document.root))
    if reader.problems:
        raise RuleFileError(reader.problems)
    return RuleFile(file, groups, (_MANY_DOCUMENTS,) if document.has_more else ())


@dataclass(slots=True)
class _Reader:
    """Reads one file; the context of the problems goes along."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    _rules: int = 0

    def _report(self, group: str | None = None, rule: int = 0, rule_name: str = "") -> Report:
        """Make what takes the problems of a group or rule."""

        def report(place: Place, text: str) -> None:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(Problem(self.file, text, place, group, rule, rule_name))

        return report

    def groups(self, root: Node) -> Iterator[RuleGroup]:
        """Read the file."""
        report = self._report()
        nodes = read_fields(root, "rulefmt.RuleGroups", FILE_FIELDS, report).nodes("groups", "rulefmt.RuleGroup")
        if len(nodes) > MAX_GROUPS:
            report(nodes[MAX_GROUPS].place, f"a file may have {MAX_GROUPS} groups, and this one has {len(nodes)}")
            return
        names: set[str] = set()
        for node in nodes:
            group = self._group(node)
            if not group.name:
                report(node.place, "Groupname must not be empty")
            elif group.name in names:
                report(node.place, f'groupname: "{group.name}" is repeated in the same file')
            names.add(group.name)
            yield group

    def _group(self, node: Node) -> RuleGroup:
        name = read_fields(node, "rulefmt.RuleGroup", GROUP_FIELDS, _ignore).text("name")
        report = self._report(name or None)
        fields = read_fields(node, "rulefmt.RuleGroup", GROUP_FIELDS, report)
        limit = fields.integer("limit")
        if limit < 0:
            report(fields.place_of("limit"), f"the limit {limit} is below 0: 0 means no limit")
        return RuleGroup(
            name=name,
            file=self.file,
            rules=tuple(self._group_rules(fields, name)),
            interval=fields.duration("interval") or None,
            limit=limit,
            query_offset=fields.duration("query_offset"),
            labels=make_labels({key: value for key, value, _ in _labels(fields)}),
            line=fields.place.line,
        )

    def _group_rules(self, group: Fields, name: str) -> Iterator[Rule]:
        shared = {key: value for key, value, _ in _labels(replace(group, report=_ignore))}
        nodes = group.nodes("rules", "rulefmt.RuleNode")
        self._rules += len(nodes)
        if self._rules > MAX_RULES:
            group.report(group.place, f"a file may have {MAX_RULES} rules: split it")
            return
        for number, node in enumerate(nodes, 1):
            silent = read_fields(node, "rulefmt.RuleNode", RULE_FIELDS, _ignore)
            report = self._report(name, number, silent.text("alert") or silent.text("record"))
            rule = _rule(read_fields(node, "rulefmt.RuleNode", RULE_FIELDS, report), shared)
            if rule is not None:
                yield rule


def _ignore(_place: Place, _text: str) -> None:
    """Take a problem that is reported elsewhere."""


def _rule(fields: Fields, shared: dict[str, str]) -> Rule | None:
    """Read a rule; None when it has no kind."""
    alert, record = fields.text("alert"), fields.text("record")
    if alert and record:
        fields.report(fields.place_of("record"), "only one of 'record' and 'alert' must be set")
    if not alert and not record:
        fields.report(fields.place, "one of 'record' or 'alert' must be set")
    expression, tree = fields.text("expr"), _expression(fields)
    if record:
        _check_recording(fields, record)
        labels = make_labels(shared | {key: value for key, value, _ in _labels(fields)})
        return RecordingRule(record, expression, tree, labels, fields.place.line)
    if not alert:
        list(_labels(fields))  # for its problems
        return None
    return AlertingRule(
        name=alert,
        expression=expression,
        tree=tree,
        pending_for=fields.duration("for") or 0,
        keep_firing_for=fields.duration("keep_firing_for") or 0,
        labels=_templates(alert, "label", _with_shared(_labels(fields), shared, fields.place), fields.report),
        annotations=_templates(alert, "annotation", _annotations(fields), fields.report),
        line=fields.place.line,
        on_silence=_on_silence(fields),
    )


def _on_silence(fields: Fields) -> OnSilence:
    """Read the meaning of silence for a rule."""
    annotations = replace(fields, report=_ignore).texts("annotations")
    text, place = annotations.get(ON_SILENCE, (OnSilence.HOLD.value, fields.place))
    if text not in set(OnSilence):
        fields.report(place, f"the annotation {ON_SILENCE} is {text[:80]!r}: write one of {', '.join(OnSilence)}")
        return OnSilence.HOLD
    return OnSilence(text)


def _expression(fields: Fields) -> Expression:
    text = fields.text("expr")
    if not text:
        fields.report(fields.place_of("expr"), "field 'expr' must be set in rule")
        return Number(0)
    try:
        return parse(text)
    except QueryError as error:
        fields.report(fields.place_of("expr"), f"could not parse expression: {error}")
        return Number(0)


def _check_recording(fields: Fields, name: str) -> None:
    for field_name in _ALERTING_ONLY:
        given = fields.texts(field_name) if field_name == "annotations" else fields.duration(field_name)
        if given:
            fields.report(fields.place_of("record"), f"invalid field '{field_name}' in recording rule")
    if _METRIC_NAME.fullmatch(name) is None:
        fields.report(fields.place_of("record"), f"invalid recording rule name: {name[:200]}")


def _labels(fields: Fields) -> Iterator[tuple[str, str, Place]]:
    for name, (value, place) in fields.texts("labels").items():
        if _LABEL_NAME.fullmatch(name) is None or name == NAME:
            fields.report(place, f"invalid label name: {name[:200]}")
        yield name, value, place


def _annotations(fields: Fields) -> Iterator[tuple[str, str, Place]]:
    for name, (value, place) in fields.texts("annotations").items():
        if _LABEL_NAME.fullmatch(name) is None:
            fields.report(place, f"invalid annotation name: {name[:200]}")
        yield name, value, place


def _with_shared(
    own: Iterator[tuple[str, str, Place]], shared: dict[str, str], place: Place
) -> Iterator[tuple[str, str, Place]]:
    """Add the labels of the group that the rule does not set itself."""
    names = set()
    for name, value, where in own:
        names.add(name)
        yield name, value, where
    yield from ((name, value, place) for name, value in shared.items() if name not in names)


def _templates(alert: str, role: str, texts: Iterable[tuple[str, str, Place]], report: Report) -> Templates:
    compiled: list[tuple[str, Template]] = []
    for name, text, place in texts:
        try:
            compiled.append((name, compile_template(text, alert)))
        except TemplateError as error:
            report(place, f'{role} "{name}": {error}')
    return tuple(sorted(compiled, key=lambda pair: pair[0]))
