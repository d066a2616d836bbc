"""Says which part of the tree a change comes from, down to the deepest place that explains it.

  fog blame 'sum(rate(errors_total[5m]))'
  fog blame --window 1h errors_total
  fog blame --path fog/0 --from 2026-11-26T09:00:00Z --to 2026-11-26T09:30:00Z 'sum(queue_length)'

The expression must add up over the nodes, as a counter, a rate or a sum does, and has no labels of the fog: the place
is named by --path. Contribution is a child's part of the change of its place. Distance says how far the child's change
is from that of its siblings, in standard deviations estimated by the median absolute deviation. Neither is a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import PATH, TEXT
from fog_cli.api import Api, ApiSettings
from fog_cli.config import REQUIRED, group
from fog_cli.terminal import Paint, show_time
from fog_cli.words.text import printable

_SHOWN: Final = 8
"""Children of one place that are printed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog blame`."""

    expression: str = option(REQUIRED, "what changed", TEXT, positional=True)
    path: str = option("", "where to begin; the whole fleet when left out", PATH)
    start: str = option("", "the earlier moment, seconds since 1970 or RFC 3339", TEXT, flag="--from")
    end: str = option("", "the later moment; when left out the last one with all samples", TEXT, flag="--to")
    window: str = option("", "how long before the later moment the earlier one is; 10m when left out", TEXT)
    enough: str = option(
        "", "the share of the change that a place must have to be looked into; 0.67 when left out", TEXT
    )
    json: bool = switch("print the aggregator's answer as it is")
    api: ApiSettings = group(ApiSettings)


def run(settings: Settings) -> int:
    """Print where the change comes from."""
    api = Api(settings.api.url)
    query = {
        "query": settings.expression,
        "path": settings.path,
        "from": settings.start,
        "to": settings.end,
        "window": settings.window,
        "enough": settings.enough,
    }
    if settings.json:
        print(api.get("/api/blame", query).decode(), end="")
    else:
        print("\n".join(_lines(api.json("/api/blame", query), Paint())))
    api.say_missing("fog blame")
    return 0


def _lines(answer: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    yield from _summary(answer, paint)
    for step in answer["places"]:
        yield ""
        yield from _place(step, paint)
    for warning in answer["warnings"]:
        yield paint("stale", f"warning: {warning}")


def _summary(answer: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    found, places = answer["found"], answer["places"]
    text = printable(answer["query"])
    if not places or found["share"] is None:
        yield f"{text}: {printable(found['reason'])} between {show_time(answer['from'])} and {show_time(answer['to'])}"
        return
    first = places[0]
    verb = "rose" if first["change"] > 0 else "fell"
    yield (
        f"{text} {verb} by {abs(first['change']):g}, from {first['before']:g} to {first['after']:g}, "
        f"between {show_time(answer['from'])} and {show_time(answer['to'])}"
    )
    way = "rise" if first["change"] > 0 else "fall"
    where = found["path"] or "the whole fleet"
    yield paint("bold", f"{found['share']:.0%} of the {way} is under {where}") + f" ({printable(found['reason'])})"


def _place(step: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    share = "" if step["share"] is None else f"  {step['share']:.0%} of the change"
    yield paint("bold", step["path"] or "the whole fleet") + share
    shown = [child for child in step["children"] if child["change"]][:_SHOWN]
    width = max((len(_name(child)) for child in shown), default=0)
    for child in shown:
        mark = "*" if child["suspect"] else " "
        distance = "" if child["distance"] is None else f"  distance {child['distance']:.1f}"
        contribution = "" if child["contribution"] is None else f"  contribution {child['contribution']:.0%}"
        values = f"{child['before']:g} -> {child['after']:g}"
        yield f" {mark} {_name(child):{width}}  {child['change']:+g}  ({values}){contribution}{distance}"
    if others := len(step["children"]) - len(shown) + step["left_out"]:
        yield paint("faint", f"   and {others} more")
    if step["rest"]:
        yield f"   {step['rest']:+g} of its change is in none of them: the expression does not add up over them"


def _name(child: Mapping[str, Any]) -> str:
    return printable(f"{child['path']} itself" if child["own"] else child["path"])
