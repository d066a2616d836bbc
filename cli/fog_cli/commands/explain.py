"""Says why a number is what it is: the epochs and the closed total it is made of, and what lies below.

fog explain fog/0/3 messages_sent_total
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fog_bus.options import option, switch
from fog_bus.options.kinds import NAME, PATH
from fog_cli.api import Api, ApiSettings
from fog_cli.config import REQUIRED, group
from fog_cli.terminal import Paint, show_coverage, show_labels, show_time
from fog_cli.words.text import printable


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog explain`."""

    path: str = option(REQUIRED, "where in the tree", PATH, positional=True)
    metric: str = option(REQUIRED, "the metric's name", NAME, positional=True)
    json: bool = switch("print the aggregator's answer as it is")
    api: ApiSettings = group(ApiSettings)


def run(settings: Settings) -> int:
    """Print the explanation."""
    api, query = Api(settings.api.url), {"path": settings.path, "name": settings.metric}
    if settings.json:
        print(api.get("/api/explain", query).decode(), end="")
    else:
        print("\n".join(_lines(_printable(api.json("/api/explain", query)), Paint())))
    api.say_missing("fog explain")
    return 0


def _printable(answer: Any) -> Any:
    """Escape each text of an answer; labels, which `show_labels` escapes with their quotes, stay."""
    if isinstance(answer, dict):
        return {name: value if name == "labels" else _printable(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [_printable(one) for one in answer]
    return printable(answer) if isinstance(answer, str) else answer


def _lines(found: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    for family in found["families"]:
        merged = f", merged by {', '.join(family['rollup'])}" if family["rollup"] else ""
        yield f"{paint('bold', found['name'])} at {found['path']}: {family['type']}{merged}. {family['help']}"
    if found["node"] and found["node"]["quarantined"] is not None:
        yield f"{found['path']} is in quarantine, and in no number: {found['node']['quarantined']}"
    yield from _values(found["total"], "  ")
    yield f"It stands on {show_coverage(found['coverage']['nodes'], paint)}."
    if found["node"]:
        yield from _node(found["node"], found["path"])
    below = [child for child in found["children"] if not child["own"]]
    if below:
        yield f"What lies below {found['path']}, each with its own subtree:"
        for child in below:
            yield f"  {child['path']}  {show_coverage(child['coverage']['nodes'], paint)}"
        yield from _values(found["contributions"], "    ")


def _node(node: Mapping[str, Any], path: str) -> Iterator[str]:
    if node["branch"]:
        yield f"{path} is a branch: its {len(node['epochs'])} replicas are joined, the largest counting:"
    else:
        yield f"The node {path} itself has, beside its closed total, running epochs: {len(node['epochs'])}"
    for epoch in node["epochs"]:
        marks = [f"frame {epoch['seq']}", f"heard {show_time(epoch['heard'])}", f"{epoch['gaps']} gaps"]
        marks += [
            name for key, name in (("awaits_keyframe", "waits for a keyframe"), ("shared", "shared")) if epoch[key]
        ]
        yield f"  epoch {epoch['epoch']}: {', '.join(marks)}"
        yield from _values(epoch["values"], "    ")
    if node["branch"]:
        yield "  joined"
    else:
        yield f"  closed total of {node['folded']} folded epochs, {node['baselines']} of which came back as baselines"
    yield from _values(node["closed"], "    ")


def _values(samples: Iterable[Mapping[str, Any]], indent: str) -> Iterator[str]:
    for sample in samples:
        value = sample["value"]
        if isinstance(value, dict):
            what = f"{value['count']} observations" if "counts" in value else f"gauges of {value['count']:g} nodes"
            value = f"{what}, sum {value['sum']}"
        gone = "" if sample.get("live", True) else "  (removed)"
        yield f"{indent}{show_labels(sample['labels']) or 'without labels'} = {value}{gone}"
