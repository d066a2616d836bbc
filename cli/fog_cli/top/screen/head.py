"""The upper part of the screen: the verdict, the nodes that numbers stand on, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fog_cli.top.screen.state import State
from fog_cli.words.alerts import sign_of
from fog_cli.words.coverage import expected, standing, states
from fog_cli.words.numbers import clock, count, share, span
from fog_cli.words.paths import shortened
from fog_cli.words.problems import Problem, Problems, place_of, when
from fog_cli.words.spark import bar, spark
from fog_cli.words.text import Line, Span, cut, padded, size_of, wrapped
from fog_cli.words.verdict import of_place

_PILLS: Final = {
    "live": ("●", "ok"),
    "quiet": ("○", "warning"),
    "polling": ("◌", "warning"),
    "not ready": ("◐", "warning"),
    "disconnected": ("✖", "critical"),
}
WIDE: Final = 110
"""Cells from which on the chart stands beside the children, and titles have more room."""
_LEAST_TEXT: Final = 16
_SPARK: Final = 10


def pill(state: State, now: float) -> Line:
    """Say how old what is shown is."""
    link = state.link.state(now)
    sign, kind = _PILLS[link]
    age = "" if link == "not ready" or not state.link.last else f" {span(now - state.link.last)}"
    return [(f"{sign} ", kind), (f"{link}{age}", kind if link != "live" else ""), ("   ? keys", "faint")]


def top(state: State, width: int, now: float) -> Iterator[Line]:
    """Return the place, the verdict on it and the pill: one line where they fit, else two."""
    right = pill(state, now)
    verdict = of_place(state.where.path, state.answers.problems, state.nodes, state.doubt(now), now + state.link.ahead)
    path: Span = (shortened(state.where.path, width // 3) or "the fleet", "bold")
    title: Span = (verdict.title, verdict.severity if verdict.severity in {"critical", "warning"} else "bold")
    text: Span = (verdict.text, "faint")
    one: Line = [path, ("   ", ""), title]
    if size_of(one) + 3 + size_of(right) <= width:
        yield _ends([*one, ("   ", ""), text], right, width)
        return
    yield _ends([path, ("   ", ""), text], right, width)
    for line in wrapped(verdict.title, width)[:2]:
        yield [(line, title[1])]


def _ends(left: Line, right: Line, width: int) -> Line:
    """Put texts at both ends of a line; the left one is cut where they do not fit."""
    most = max(0, width - size_of(right) - 1)
    found = list[Span]()
    for text, kind in left:
        here = cut(text, most)
        found.append((here, kind))
        most -= size_of([(here, kind)])
    return [*found, (" " * (most + 1), ""), *right]


def banner(state: State, now: float) -> Iterator[Line]:
    """Say of when all of this is, once the aggregator is away."""
    link = state.link
    if link.state(now) == "disconnected" and link.last:
        again = f"next try in {span(link.next_try - now)}" if link.next_try > now else "trying …"
        shown = f"What you see is of {clock(link.last)}. {link.url} does not answer; {again}."
        yield [(f"Disconnected for {span(now - link.last)}. ", "critical"), (shown, "")]


def coverage(state: State, width: int) -> Iterator[Line]:
    """Return the states of the nodes, the share that numbers stand on, and a bar: in one line or two."""
    nodes = state.nodes if state.is_ready else None
    left, right = states(nodes), standing(nodes)
    room = width - size_of(left) - len(right) - 5
    if room >= 20:
        yield [*left, (f" {right}   ", "bold"), *bar(nodes or {}, room)]
    else:
        yield left
        yield [(f"{right}   ", "bold"), *bar(nodes or {}, width - len(right) - 3)]


def problems(state: State, width: int, most: int, now: float) -> Iterator[tuple[Line, int]]:
    """Return a line for each problem of the place, the chosen one with all that is said of it; and its number."""
    found, clock_now = state.problems, now + state.link.ahead
    if not found:
        yield from ((line, 0) for line in calm(state, width, now))
        return
    first = max(0, min(len(found) - most, state.chosen.problem - most))
    shown = found[first : first + most]
    titles = min(max(len(one.title) for one in shown), 30 if width >= WIDE else 20)
    places = min(max(len(place_of(one, 30)) for one in shown), 34 if width >= WIDE else 22)
    times = max(len(when(one, clock_now)) for one in shown)
    for one in shown:
        is_chosen = one.number == state.chosen.problem
        yield _line(one, (titles, places, times), width, clock_now, state), one.number
        if is_chosen:
            for text in wrapped(one.text, width - 6)[:3]:
                yield [("      ", ""), (text, "")], one.number
            yield (
                [("      ", ""), ("Enter opens it, y copies its PromQL, s the command that silences it", "faint")],
                one.number,
            )
    if len(found) > most:
        yield [(f"    and {count(len(found) - len(shown))} more: g a", "faint")], 0


def _line(one: Problem, sizes: tuple[int, int, int], width: int, now: float, state: State) -> Line:
    titles, places, times = sizes
    is_chosen = one.number == state.chosen.problem
    place = place_of(one, places)
    sign, kind = sign_of(one)
    line: list[Span] = [
        ("▸" if is_chosen else " ", "bold"),
        (f"{sign} ", kind),
        (padded(cut(one.title, titles), titles + 2), "selected" if is_chosen else "bold"),
        (padded(cut(place, places), places + 2), ""),
        (padded(when(one, now), times), ""),
        ("  ", ""),
        (spark(state.answers.sparks.get(one.key, ()), _SPARK), kind),
    ]
    if width - size_of(line) - 2 >= _LEAST_TEXT:
        line += [("  ", ""), (one.text, "faint")]
    return line


def calm(state: State, width: int, now: float) -> Iterator[Line]:
    """Return what stands in place of problems: what was wrong last, what may be wrong next, how much is silenced."""
    found: Problems | None = state.answers.problems
    if not state.is_ready:
        yield [("◐ ", "warning"), ("Alerts are held: none fires or resolves until it is ready", "")]
        return
    if found is None:
        yield [(state.answers.errors.get("alerts", "asking …"), "faint")]
        return
    here, clock_now = found.at(state.where.path), now + state.link.ahead
    nodes = state.nodes or {}
    if expected(nodes) > nodes.get("live", 0):  # behind no line: only so many places are listed
        yield [("○ ", "note"), ("Nothing fires", "bold")]
    else:
        yield [("✓ ", "ok"), ("Nothing is wrong", "bold")]
    room = max(_LEAST_TEXT, width - 62)

    def named(title: str, path: str) -> str:
        return f"{title} {shortened(path, room)}".rstrip()  # one of the aggregator itself has no place

    last, soon = "none since the aggregator began", "nothing is pending"
    for one in here.resolved[:1]:
        last = f"{named(one['title'], one['path'])}, ended {span(clock_now - one['until'])} ago"
    for near in sorted(here.pending, key=lambda one: one.fires_at)[:1]:
        soon = f"{named(near.title, near.path)}, in {span(max(0.0, near.fires_at - clock_now))}"
    items = {"Last problem": last, "Nearest to firing": soon, "Silenced": count(len(here.silenced))}
    for name, value in items.items():
        yield [(f"  {name:19}", "faint"), (value, "")]


def progress(state: State) -> Iterator[Line]:
    """Say what an aggregator waits for that is not ready. It shows no totals."""
    status = state.link.status or {}
    yield [("Not ready: the aggregator is catching up", "bold")]
    yield [("Totals appear when they are complete, so that none goes down later.", "faint")]
    yield [(str(status.get("reason", "")), "warning")]
    for stream in status.get("streams", ()):
        sign = "✓" if not stream["lag"] else "◐"
        read = f"{count(stream['sequence'])} of {count(stream['last_sequence'])} messages"
        part = share(stream["sequence"], stream["last_sequence"])
        yield [(f"{sign} Stream {stream['name']}  {read}  {part}", "")]
