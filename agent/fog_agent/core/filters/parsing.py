"""Make rules of what a file says: the keys and the checks are Prometheus's, for its rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fog_agent.core.filters.patterns import PatternError, compile_pattern
from fog_agent.core.filters.rules import ACTIONS, NAME, Aggregate, Filters, Relabel, is_label_name

RELABEL_KEY: Final = "metric_relabel_configs"
AGGREGATE_KEY: Final = "aggregate"
MAX_RULES: Final = 200
"""Of each sort: they are applied to each series when it is first met."""

_DEFAULT_REGEX: Final = "(.*)"
_DEFAULTS: Final[Mapping[str, Any]] = {
    "source_labels": (),
    "separator": ";",
    "regex": _DEFAULT_REGEX,
    "target_label": "",
    "replacement": "$1",
}
_TEMPLATE: Final = re.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+", re.ASCII)
_OF_NAMES: Final = frozenset({"labeldrop", "labelkeep"})
_WITH_TARGET: Final = frozenset({"replace", "keepequal", "dropequal", "lowercase", "uppercase"})


class FilterError(ValueError):
    """Rules that cannot be used; the text says which, and why."""


def parse_filters(document: Mapping[str, object]) -> Filters:
    """Make filters of what a file says.

    Raises:
        FilterError: A rule cannot be used.
    """
    _known("the file", document, (RELABEL_KEY, AGGREGATE_KEY))
    relabel = [_relabel(where, one) for where, one in _rules(document, RELABEL_KEY)]
    aggregate = [_aggregate(where, one) for where, one in _rules(document, AGGREGATE_KEY)]
    return Filters(tuple(relabel), tuple(aggregate))


def as_document(filters: Filters) -> dict[str, list[dict[str, Any]]]:
    """Return filters as a file says them: defaults are left out."""
    document: dict[str, list[dict[str, Any]]] = {}
    for rule in filters.relabel:
        given = {key: getattr(rule, key) for key in _DEFAULTS} | {"regex": rule.regex.text}
        written = {key: list(value) if type(value) is tuple else value for key, value in given.items()}
        changed = {key: value for key, value in written.items() if given[key] != _DEFAULTS[key]}
        document.setdefault(RELABEL_KEY, []).append({**changed, "action": rule.action})
    for one in filters.aggregate:
        labels = {"without": list(one.without)} if one.by is None else {"by": list(one.by)}
        document.setdefault(AGGREGATE_KEY, []).append({"match": one.match, **labels})
    return document


def _rules(document: Mapping[str, object], key: str) -> list[tuple[str, Mapping[str, object]]]:
    found = document.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FilterError(f"{key}: is not a list of rules")
    if len(found) > MAX_RULES:
        raise FilterError(f"{key}: has {len(found)} rules, and may have {MAX_RULES}")
    return [(f"{key}, rule {at}", one) for at, one in enumerate(found, 1)]


def _known(where: str, given: Mapping[str, object], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            import difflib  # only for who has mistyped

            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
            raise FilterError(f"{where}: {key!r} is not known{hint}")


def _text(where: str, given: Mapping[str, object], key: str) -> str:
    value = given.get(key, _DEFAULTS.get(key, ""))
    if not isinstance(value, str):
        raise FilterError(f"{where}: {key} is {value!r}, and must be a text")
    return value


def _names(where: str, given: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = given.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and is_label_name(one) for one in value):
        raise FilterError(f"{where}: {key} is {value!r}, and must be a list of label names")
    return tuple(value)


def _relabel(where: str, given: Mapping[str, object]) -> Relabel:
    if given.get("action") == "hashmod" or "modulus" in given:
        raise FilterError(f"{where}: hashmod is for sharing targets among servers, and is not done here")
    _known(where, given, (*_DEFAULTS, "action"))
    action = (_text(where, given, "action") or "replace").lower()
    if action not in ACTIONS:
        raise FilterError(f"{where}: the action {action!r} is not known; known are {', '.join(ACTIONS)}")
    try:
        regex = compile_pattern(_text(where, given, "regex"))
    except PatternError as error:
        raise FilterError(f"{where}: the regex {given.get('regex')!r} {error}") from None
    rule = Relabel(
        action,
        regex,
        _names(where, given, "source_labels"),
        _text(where, given, "separator"),
        _text(where, given, "target_label"),
        _text(where, given, "replacement"),
    )
    _check(where, rule, given)
    return rule


def _check(where: str, rule: Relabel, given: Mapping[str, object]) -> None:
    """Refuse what Prometheus refuses, and a rule that takes the name of every series away."""
    action, target = rule.action, rule.target_label
    if action in _WITH_TARGET and not target:
        raise FilterError(f"{where}: {action} needs a target_label")
    if target and not (_TEMPLATE.fullmatch(target) if action == "replace" else is_label_name(target)):
        raise FilterError(f"{where}: the target_label {target!r} is no label name")
    if action == "labelmap" and not _TEMPLATE.fullmatch(rule.replacement):
        raise FilterError(f"{where}: the replacement {rule.replacement!r} is no label name")
    meaningless = {
        **dict.fromkeys(_OF_NAMES, ("source_labels", "separator", "target_label", "replacement")),
        **dict.fromkeys(("keepequal", "dropequal"), ("separator", "regex", "replacement")),
        **dict.fromkeys(("lowercase", "uppercase"), ("replacement",)),
    }.get(action, ())
    for key in meaningless:
        if given.get(key, _DEFAULTS[key]) not in (_DEFAULTS[key], list(_DEFAULTS[key])):
            raise FilterError(f"{where}: {action} has no {key}")
    if action in _OF_NAMES and (rule.regex.match(NAME) is not None) == (action == "labeldrop"):
        raise FilterError(
            f"{where}: takes {NAME} away from every series, so that none is sent; write a regex that "
            + ("does not match it" if action == "labeldrop" else f"matches it too, as {NAME}|{rule.regex.text}")
        )


def _aggregate(where: str, given: Mapping[str, object]) -> Aggregate:
    _known(where, given, ("match", "without", "by"))
    match = _text(where, given, "match")
    if not match:
        raise FilterError(f"{where}: needs a match, such as 'http_*' for the families that it is about")
    if ("without" in given) == ("by" in given):
        raise FilterError(f"{where}: needs either without or by, a list of label names")
    by = _names(where, given, "by") if "by" in given else None
    without = _names(where, given, "without")
    if NAME in without:
        raise FilterError(f"{where}: without has {NAME}, and nothing would be sent; a relabel rule gives another name")
    return Aggregate(match, without, by)
