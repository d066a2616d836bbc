"""Draw questions over HTTP from the OpenAPI document: every route and parameter, sensible and senseless values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from fog_proving.fuzz.http.fog import OTHERS, OWN, SIBLING

_PATHS: Final = [*OWN, *OTHERS, "fog", f"fog/0/../{SIBLING}", "fog//1", "/fog/0/", "fog/0/missing", "fog/nobody", ""]
_EXPRESSIONS: Final = [
    "orders_total",
    "sum by (fog_path) (sold_total)",
    "rate(orders_total[1m])",
    "orders_total offset 1s",
    "histogram_quantile(0.9, wait_seconds_bucket)",
    'count by (kind, fog_path, fog_node) ({__name__=~".+"})',
    '{fog_level="1"}',
    '{fog_level="0"}',
    'orders_total{fog_level="1", fog_path=~".*"}',
    'orders_total{fog_level="2", fog_path!="fog/0"}',
    f'orders_total{{fog_level="1", fog_path="fog/{SIBLING}"}}',
    f'orders_total{{fog_level="1", fog_path=~"fog/({SIBLING}|0)"}}',
    *(f'sold_total{{{name}="{path}"}}' for name in ("fog_path", "fog_node") for path in ("fog", *OWN, *OTHERS)),
    'sold_total{fog_path=""}',
    'sold_total{fog_path="fog/0", fog_path!="x"}',
    f'sold_total{{kind="{SIBLING}-kind"}}',
    f"{SIBLING}_total",
    "fog:orders",
    f"fog:{SIBLING}",
    '{__name__=~"fog:.*"}',
    "ALERTS",
    "ALERTS_FOR_STATE",
    "fog_aggregator_nodes",
    'fog_aggregator_nodes{fog_level="1"}',
    "fog_aggregator_frames_total",
    '{__name__=~"fog_aggregator_.*"}',
    f'label_replace(orders_total, "x", "{SIBLING}", "", "")',
    "absent(nothing)",
    "vector(1)",
    "orders_total[1m:1s]",
    "topk(2, level) or choice",
    "sum(",
    "",
    "\0",
]
_OF_NAME: Final[Mapping[str, Sequence[str]]] = {
    "path": _PATHS,
    "node": _PATHS,
    "query": _EXPRESSIONS,
    "match[]": _EXPRESSIONS,
    "name": ["orders_total", "sold_total", "level", "choice", "fog_node_info", "fog_aggregator_nodes", "event", ""],
    "match": ["kind=pizza", "kind!=pizza", f"fog_path=fog/{SIBLING}", "zone=", "x"],
    "by": ["kind", "", "fog_path", f"{SIBLING}_label"],
    "group": ["zone", "version", "fog_path"],
    "metric": ["orders_total", "level", f"{SIBLING}_total"],
    "time": ["now", "-3", "0", "1e9", "2026-11-26T09:30:00Z"],
    "since": ["-3", "0", "1e9", "x"],
    "from": ["-3", "0", "now"],
    "to": ["now"],
    "start": ["-30", "0", "1e9", "now"],
    "end": ["now", "1e18", "4e9"],
    "step": ["1", "10s", "1h", "0"],
    "window": ["10m", "1s"],
    "timeout": ["1s", "0.001"],
    "lookback_delta": ["1s", "5m"],
    "rule_name[]": ["Orders", f"fog:{SIBLING}"],
    "file[]": ["x"],
    "rule_group[]": ["of-all"],
    "enough": ["0.67", "2"],
}
"""Values by the name of a parameter, the first is a good one; a moment below 0 is so many seconds ago."""
_LABELS: Final = ["kind", "__name__", "fog_path", "fog_node", "fog_level", f"{SIBLING}_label", "x", "U__6b_ind", "a b"]

_MOSTLY: Final = 0.95
_ODD: Final = "aZ09_-./%&=+~'\"{}[]()é\u2028\U0001f300\x00\x7f\n "


@dataclass(frozen=True)
class Asked:
    """One question.

    Attributes:
        route: The path as it is documented.
        path: The path that is asked.
        method: How.
        fields: Of the address, or of the form.
    """

    route: str
    path: str
    method: str
    fields: tuple[tuple[str, str], ...]

    def names_a_sibling(self) -> bool:
        """Tell whether it names one itself: an answer may repeat what it was asked."""
        return SIBLING in f"{self.path} {self.fields}"


def question(document: Mapping[str, Any], random: Random, *, now: float) -> Asked:
    """Return a question about something that a document describes.

    Args:
        document: An OpenAPI document.
        random: Chooses.
        now: The moment that `now` stands for, unix seconds.
    """
    route, method = random.choice([(path, method) for path, found in document["paths"].items() for method in found])
    known = _parameters(document["paths"][route][method])
    chosen = [one for one in known if one["required"] and random.random() < _MOSTLY]
    optional = [one for one in known if not one["required"]]
    chosen += random.sample(optional, min(len(optional), random.randrange(4)))
    if random.random() > _MOSTLY:
        chosen.append({"name": "unknown", "schema": {}})
    fields = tuple((one["name"], _value(one["name"], one["schema"], random, now)) for one in chosen)
    return Asked(route, route.replace("{name}", random.choice(_LABELS)), method.upper(), fields)


def _parameters(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of the address, or of the form."""
    found = [one for one in operation["parameters"] if one["in"] == "query"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        form = content["schema"]
        found += [
            {"name": name, "schema": schema, "required": name in ("query", "match[]", "start", "end", "step")}
            for name, schema in form["properties"].items()
        ]
    return found


def _value(name: str, schema: Mapping[str, Any], random: Random, now: float) -> str:
    """Return a value of a parameter: mostly one that means something."""
    if random.random() > _MOSTLY:
        return "".join(random.choices(_ODD, k=random.randrange(20)))
    if "enum" in schema:
        return str(random.choice(schema["enum"]))
    if schema.get("type") == "integer":
        return str(random.randint(schema.get("minimum", 0), min(schema.get("maximum", 9), 10_000)))
    return _moment(random.choice(_OF_NAME.get(name, ["x"])), now)


def good_questions(document: Mapping[str, Any], *, now: float) -> Iterator[Asked]:
    """Return one question for each operation that has an answer, with the parameters that are required."""
    for route, found in document["paths"].items():
        for method, operation in found.items():
            names = [one["name"] for one in _parameters(operation) if one["required"]]
            fields = tuple((name, _moment(_OF_NAME[name][0], now)) for name in names)
            yield Asked(route, route.replace("{name}", _LABELS[0]), method.upper(), fields)


def _moment(text: str, now: float) -> str:
    if text == "now":
        return str(now)
    return str(now + float(text)) if text.startswith("-") else text
