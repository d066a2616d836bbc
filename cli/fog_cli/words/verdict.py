"""One sentence for a fleet or a place. It says "All well" only where somebody can know it."""

from __future__ import annotations

from dataclasses import dataclass

from fog_cli.words.coverage import Nodes, expected, not_live
from fog_cli.words.numbers import clock, count, many, share, span
from fog_cli.words.problems import Problems


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence, the severity that it has (ok, critical, warning, note, or none), and what stands behind it."""

    severity: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nobody can say that all is well.

    Attributes:
        is_disconnected: The aggregator is not heard: all that is shown is of an earlier moment.
        is_cut_off: The aggregator has no connection to NATS.
        not_ready: The reason why it shows no totals; empty when it does.
        error: Why its alerts are not known.
    """

    is_disconnected: bool = False
    is_cut_off: bool = False
    not_ready: str = ""
    error: str = ""


def of_place(path: str, problems: Problems | None, nodes: Nodes | None, doubt: Doubt, now: float) -> Verdict:
    """Judge the nodes at and under a path; the empty path is the fleet."""
    if doubt.not_ready:
        return Verdict("warning", "Not ready: no totals yet", doubt.not_ready)
    here = problems.at(path) if problems else None
    if here and here.fired:
        return _of_problems(path, here, now)
    if nodes is None:
        return Verdict("", "Asking the aggregator …")
    if doubt.is_cut_off:
        return Verdict("warning", "Cut off from NATS", "All numbers are of an earlier moment.")
    if here is None or doubt.error:
        return Verdict("", "Alerts are not known", doubt.error or "Asking the aggregator …")
    return _of_nodes(path, nodes, doubt)


def _of_nodes(path: str, nodes: Nodes, doubt: Doubt) -> Verdict:
    everything, live = expected(nodes), nodes.get("live", 0)
    if not everything:
        if path:
            return Verdict(
                "", "No node is known here", f"Nothing at or under {path} was heard, or it has been forgotten."
            )
        return Verdict(
            "", "No node has been heard yet", "An agent that publishes to this server appears here by itself."
        )
    some = f"{count(live)} of {count(everything)} nodes are live"
    if live < everything:
        text = f"{some}: numbers stand on {share(live, everything)}."
        return Verdict("warning", f"Nothing fires{' here' if path else ''}; {not_live(nodes)}", text)
    if doubt.is_disconnected:
        return Verdict("", "Nothing was wrong when the aggregator was last heard")
    return Verdict("ok", f"All well{' here' if path else ''}", f"{some}, every total is complete.")


def _of_problems(path: str, problems: Problems, now: float) -> Verdict:
    every = [one for one in problems.firing if one.is_within(path)]
    shown = every[:2]
    title = ", ".join(one.title if one.path in {"", path} else f"{one.title} at {one.path}" for one in shown)
    number, worst = len(every), shown[0]
    start = worst.start or min((one.start for one in every if one.start), default=0.0)
    joined = f", folded from {many(problems.alerts, 'alert')}" if not path and problems.alerts > number else ""
    since = f"; the worst since {clock(start, 2)}, {span(now - start)}" if start else ""
    return Verdict(worst.severity, title, f"{many(number, 'problem')}{joined}{since}.")
