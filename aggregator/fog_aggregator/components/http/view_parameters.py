"""Parameters of a view: which nodes and series (a selection), and what is added up (a grouping)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.parameters import LEVEL, NODE, PATH, Parameter, under_a_branch
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.samples import GROUP, GROUP_VALUE
from fog_aggregator.query.samples import LEVEL as LEVEL_LABEL
from fog_aggregator.query.samples import PATH as PATH_LABEL
from fog_aggregator.query.selection import Grouping, Matcher, Selection, ViewKey
from fog_schema.limits import MAX_INFO_LENGTH, MAX_LABEL_VALUE_LENGTH, MAX_LABELS, MAX_NAME_LENGTH
from fog_schema.paths import Path, format_path

MOST_NAMES: Final = 64
MOST_MATCHERS: Final = 16
_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MATCH: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)(!=|=~|!~|=)(.*)", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\\n]|\\["\\n])*)"')
_ESCAPES: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
_INSTEAD: Final = {
    PATH_LABEL: "level=N gives a sum for each path of a level",
    LEVEL_LABEL: "level=N asks for a level",
    GROUP: "group=KEY asks for groups by what nodes tell of themselves",
    GROUP_VALUE: "group=KEY asks for groups by what nodes tell of themselves",
    "le": "the buckets of a histogram always stay apart",
}


def read_view(query: Mapping[str, Any], network: NetworkCollector) -> ViewKey:
    """Return the view that a request's parameters ask for.

    Raises:
        HTTPBadRequest: when they do not go together.
        HTTPNotFound: when nothing is there.
    """
    path, level, node, info = query["path"], query["level"], query["node"], query["group"]
    names, matchers = frozenset(query["name"]), tuple(sorted(set(query["match"])))
    grouping = Grouping(level, info, query["by"])
    if level is not None and info is not None:
        raise web.HTTPBadRequest(text="level= and group= both say which nodes are added up: give one of them")
    if node is None:
        if level is not None and level < len(path) - 1:
            raise web.HTTPBadRequest(
                text=f"level {level} lies above {format_path(path)}: ask for level {len(path) - 1} or more"
            )
        must_be_known(network, path)
        return ViewKey(Selection(path, names=names, matchers=matchers), grouping)
    if path or level is not None or info is not None:
        raise web.HTTPBadRequest(
            text="node= stands alone: it shows one node's own values, without what lies under it; "
            "only name=, match= and by= go with it"
        )
    _must_be_a_node(network, node)
    return ViewKey(Selection(node, own=True, names=names, matchers=matchers), grouping)


def _must_be_a_node(network: NetworkCollector, node: Path) -> None:
    if network.branch_over(node) == node:
        raise web.HTTPNotFound(text=f"{format_path(node)} is a branch: what its nodes have, its own aggregator knows")
    if network.life_of(node) is None:
        nothing = f"no node at {format_path(node)}; path= shows what lies under it, if anything does"
        raise web.HTTPNotFound(text=under_a_branch(network, node) or nothing)


def must_be_known(network: NetworkCollector, path: Path) -> None:
    """Refuse a path under which there is nothing.

    Raises:
        HTTPNotFound: saying where to look.
    """
    if path and not network.knows(path):
        nothing = f"no node at or under {format_path(path)}; /api/tree shows what there is"
        raise web.HTTPNotFound(text=under_a_branch(network, path) or nothing)


def _metric_name(text: str) -> str:
    if len(text) > MAX_NAME_LENGTH or not _METRIC_NAME.fullmatch(text):
        raise ValueError(
            f"a metric's name is needed: at most {MAX_NAME_LENGTH} of a-z, A-Z, 0-9, _ and :, no digit first; "
            "labels are selected with match="
        )
    return text


def _matcher(text: str) -> Matcher:
    """Return a matcher, `label=value` or `label!=value`; a value may stand in double quotes, escaped as in PromQL."""
    found = _MATCH.fullmatch(text)
    if found is None:
        raise ValueError("label=value or label!=value is needed, as in match=method=GET")
    label, operator, value = found.groups()
    if label == "le":
        raise ValueError("a histogram is selected whole: its buckets cannot be chosen, so leave le out")
    if operator in ("=~", "!~"):
        raise ValueError(
            "regular expressions are not offered, as one could keep the aggregator busy for ever: "
            f'give the whole value, {label}=value; if it begins with ~, in double quotes, {label}="~…"'
        )
    if value.startswith('"'):
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise ValueError('a value that begins with " must end with it; inside, write \\" \\\\ and \\n')
        value = re.sub(r"\\.", lambda escape: _ESCAPES[escape[0]], quoted[1])
    if len(value) > MAX_LABEL_VALUE_LENGTH:
        raise ValueError(f"no label's value is longer than {MAX_LABEL_VALUE_LENGTH}")
    return Matcher(label, value, operator == "=")


def _label_names(text: str) -> tuple[str, ...]:
    names = text.split(",") if text else []
    if len(names) > MAX_LABELS:
        raise ValueError(f"these are {len(names)} labels, and no metric has more than {MAX_LABELS}")
    for name in names:
        if len(name) > MAX_NAME_LENGTH or not _LABEL_NAME.fullmatch(name):
            raise ValueError(
                f"{name[:80]!r} is not the name of a label: names with commas are needed, as in by=job,zone"
            )
        if name in _INSTEAD:
            raise ValueError(f"{name!r} is no label of a node's metric: {_INSTEAD[name]}")
    return tuple(sorted(set(names)))


def _info_key(text: str) -> str:
    if not 0 < len(text) <= MAX_INFO_LENGTH:
        raise ValueError(f"a key of 1 to {MAX_INFO_LENGTH} characters is needed, as in group=version")
    return text


NAMES: Final = Parameter(
    "name",
    "only the families of which any sample is called so",
    {"type": "string", "example": "requests_total", "maxLength": MAX_NAME_LENGTH},
    _metric_name,
    (),
    most=MOST_NAMES,
    alias="name[]",
)
MATCH: Final = Parameter(
    "match",
    "only series with this label, label=value, or without it, label!=value; all of several must be true. A label that "
    "a series does not have is the empty value",
    {"type": "string", "example": "method=GET"},
    _matcher,
    (),
    most=MOST_MATCHERS,
)
BY: Final = Parameter(
    "by",
    "add up series that are equal in these labels, whatever other labels they have; all of a metric for no labels",
    {"type": "string", "example": "method,status"},
    _label_names,
)
INFO: Final = Parameter(
    "group",
    "one group for each value that nodes tell of themselves for this key, as in /api/nodes; a node's counts go with it "
    "when what it tells changes",
    {"type": "string", "example": "version", "maxLength": MAX_INFO_LENGTH},
    _info_key,
)
VIEW: Final = (PATH, LEVEL, NODE, NAMES, MATCH, BY, INFO)
