"""Reading of files of unit tests: strict, all problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.rules.durations import parse_duration
from fog_aggregator.rules.fields import Fields, Report, as_text, read_fields
from fog_aggregator.rules.load import MAX_PROBLEMS, Problem, RuleFileError
from fog_aggregator.rules.unit_tests.model import (
    AlertTest,
    ExpectedAlert,
    ExpectedSample,
    ExpressionTest,
    UnitTest,
    UnitTestFile,
)
from fog_aggregator.rules.unit_tests.notation import read_series, read_states, read_values
from fog_aggregator.rules.verdicts.coverage import Fate
from fog_aggregator.rules.yaml_tree import Node, Place, YamlError, read_document
from fog_schema.errors import PathError
from fog_schema.paths import Path, parse_path

FILE_FIELDS: Final = ("rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests")
TEST_FIELDS: Final = (
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
    "name",
    "start_timestamp",
    "coverage",
    "restart_at",
)
STATES: Final = ("", "firing", "held")
_MINUTE: Final = 60_000


def read_unit_tests(content: bytes, file: str) -> UnitTestFile:
    """Read a file of tests; `file` is its name, for the problems.

    Raises:
        RuleFileError: when anything is wrong, with everything that is.
    """
    problems: list[Problem] = []

    def report(place: Place, text: str) -> None:
        if len(problems) < MAX_PROBLEMS:
            problems.append(Problem(file, text, place))

    try:
        root = read_document(content).root
    except YamlError as error:
        raise RuleFileError([Problem(file, str(error), error.place)]) from None
    tests = UnitTestFile() if root is None else _file(root, report)
    if problems:
        raise RuleFileError(problems)
    return tests


def _file(root: Node, report: Report) -> UnitTestFile:
    fields = read_fields(root, "main.unitTestFile", FILE_FIELDS, report)
    interval = fields.duration("evaluation_interval") or _MINUTE
    order = tuple(as_text(node, report) for node in fields.nodes("group_eval_order", "string"))
    for name in sorted({name for name in order if order.count(name) > 1}):
        report(fields.place_of("group_eval_order"), f"group name repeated in evaluation order: {name}")
    return UnitTestFile(
        rule_files=tuple(as_text(node, report) for node in fields.nodes("rule_files", "string")),
        interval=interval,
        order=order,
        is_fuzzy=fields.switch("fuzzy_compare"),
        tests=tuple(_test(node, interval, report) for node in fields.nodes("tests", "main.testGroup")),
    )


def _test(node: Node, interval: int, report: Report) -> UnitTest:
    fields = read_fields(node, "main.testGroup", TEST_FIELDS, report)
    name = fields.text("name")
    return UnitTest(
        name=name,
        interval=fields.duration("interval") or interval,
        series=dict(_series(one, report) for one in fields.nodes("input_series", "main.series")),
        alerts=tuple(_alert_test(one, name, report) for one in fields.nodes("alert_rule_test", "main.alertTestCase")),
        expressions=tuple(
            _expression_test(one, report) for one in fields.nodes("promql_expr_test", "main.promqlTestCase")
        ),
        external_labels=_labels(fields, "external_labels"),
        external_url=fields.text("external_url"),
        start=_start(fields),
        coverage=dict(_node(one, report) for one in fields.nodes("coverage", "node")),
        restarts=tuple(_durations(fields.nodes("restart_at", "duration"), report)),
    )


def _labels(fields: Fields, name: str) -> Labels:
    return make_labels({key: value for key, (value, _) in fields.texts(name).items()})


def _start(fields: Fields) -> int:
    """Read a moment: seconds since 1970, or RFC 3339."""
    text = fields.text("start_timestamp")
    try:
        if not text:
            return 0
        seconds = float(text) if text.replace(".", "", 1).isdecimal() else datetime.fromisoformat(text).timestamp()
        return round(seconds * 1000)
    except (ValueError, OverflowError):
        fields.report(fields.place_of("start_timestamp"), f'cannot parse "{text[:80]}" to a valid timestamp')
        return 0


def _series(node: Node, report: Report) -> tuple[Labels, tuple[float | None, ...]]:
    fields = read_fields(node, "main.series", ("series", "values"), report)
    labels: Labels = ()
    values: tuple[float | None, ...] = ()
    try:
        labels = read_series(fields.text("series"))
    except ValueError as error:
        report(fields.place_of("series"), str(error))
    try:
        values = read_values(fields.text("values"))
    except ValueError as error:
        report(fields.place_of("values"), str(error))
    return labels, values


def _node(node: Node, report: Report) -> tuple[Path, tuple[Fate | None, ...]]:
    """Read the states of a node."""
    fields = read_fields(node, "node", ("path", "states"), report)
    path: Path = ()
    states: tuple[Fate | None, ...] = ()
    try:
        path = parse_path(fields.text("path"))
    except PathError as error:
        report(fields.place_of("path"), str(error))
    try:
        states = read_states(fields.text("states"))
    except ValueError as error:
        report(fields.place_of("states"), str(error))
    return path, states


def _durations(nodes: Sequence[Node], report: Report) -> Iterator[int]:
    for node in nodes:
        try:
            yield parse_duration(as_text(node, report))
        except ValueError as error:
            report(node.place, str(error))


def _alert_test(node: Node, test: str, report: Report) -> AlertTest:
    fields = read_fields(node, "main.alertTestCase", ("eval_time", "alertname", "exp_alerts"), report)
    name = fields.text("alertname")
    if not name:
        where = f" (in TestGroup {test})" if test else ""
        when = fields.text("eval_time") or "0s"
        text = f"an item under alert_rule_test misses required attribute alertname at eval_time {when}{where}"
        report(fields.place, text)
    alerts = tuple(_alerts(fields, name, report))
    return AlertTest(fields.duration("eval_time") or 0, name, alerts)


def _alerts(fields: Fields, name: str, report: Report) -> Iterator[ExpectedAlert]:
    for node in fields.nodes("exp_alerts", "main.alert"):
        alert = read_fields(node, "main.alert", ("exp_labels", "exp_annotations", "exp_state"), report)
        state = alert.text("exp_state")
        if state not in STATES:
            report(
                alert.place_of("exp_state"), f"{state[:80]!r} is no state: write {' or '.join(filter(None, STATES))}"
            )
        labels = dict(_labels(alert, "exp_labels")) | {"alertname": name}
        annotations = {key: text for key, (text, _) in alert.texts("exp_annotations").items()}
        yield ExpectedAlert(make_labels(labels), tuple(sorted(annotations.items())), state)


def _expression_test(node: Node, report: Report) -> ExpressionTest:
    fields = read_fields(node, "main.promqlTestCase", ("expr", "eval_time", "exp_samples"), report)
    samples = []
    for one in fields.nodes("exp_samples", "main.sample"):
        sample = read_fields(one, "main.sample", ("labels", "value", "histogram"), report)
        if sample.text("histogram"):
            report(sample.place_of("histogram"), "native histograms are not supported here")
        samples.append(ExpectedSample(sample.text("labels"), sample.number("value")))
    return ExpressionTest(fields.duration("eval_time") or 0, fields.text("expr"), tuple(samples))
