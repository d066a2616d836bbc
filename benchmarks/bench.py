"""Measure every budget in one sitting, and write the table and the chart of growth into docs/benchmarks.md.

    make bench                          some six minutes, 3 GB
    make bench ARGS="--all --write"     with what takes ten minutes more; writes the table and the chart
    make bench ARGS="--only sdk"        one benchmark; with --write the other rows stay

Each benchmark is a process of its own, one after the other, and can be run by itself. Ratios are of one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from budgets import BUDGETS, SLOW, Budget
from figures import VARIABLE, noted
from growth import chart

HERE: Final = Path(__file__).resolve().parent
DOCUMENT: Final = HERE.parent / "docs" / "benchmarks.md"
CHART: Final = HERE.parent / "docs" / "growth.svg"
BEGIN: Final = "<!-- made by make bench: begin -->"
END: Final = "<!-- made by make bench: end -->"
GROWTH: Final = ("scale.py", "--json")
LINES: Final = (
    "/metrics",
    "/metrics after a node came",
    "?node= after a node came",
    "explain",
    "checkpoint s",
    "ready with checkpoint s",
)
HEAD: Final = "| what | asked | measured | kept | command |\n|---|---|---|---|---|"


def run(command: Sequence[str], figures: Path) -> str:
    """Run a benchmark and return what it printed; its figures are added to the file.

    Raises:
        SystemExit: it failed.
    """
    print(f"{' '.join(command)} …", file=sys.stderr, flush=True)
    began = time.monotonic()
    program = subprocess.run(
        [sys.executable, HERE / command[0], *command[1:]],
        env=os.environ | {VARIABLE: str(figures)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if program.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {program.returncode}\n{program.stdout[-2000:]}")
    print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return program.stdout


def row(budget: Budget, value: float | None) -> str:
    """Return a line of the table; a figure that was not measured has a dash."""
    asked = ("at least " if budget.at_least else "at most ") + budget.form.format(budget.asked)
    command = f"`benchmarks/{' '.join(budget.command)}`"
    if value is None:
        return f"| {budget.what} | {asked} | - | - | {command} |"
    shown = budget.form.format(value)
    measured, kept = (shown, "yes") if budget.met(value) else (f"**{shown}**", "**no**")
    return f"| {budget.what} | {asked} | {measured} | {kept} | {command} |"


def table(figures: dict[str, float], budgets: Iterable[Budget] = BUDGETS, before: str = "") -> str:
    """Return the table of budgets; what was not measured keeps the row that it had before, if it had one."""
    known = {line.split(" | ")[0]: line for line in before.splitlines()}
    rows = []
    for budget in budgets:
        value = figures.get(budget.figure)
        made = row(budget, value)
        rows.append(made if value is not None else known.get(made.split(" | ")[0], made))
    return "\n".join([HEAD, *rows])


def circumstances(loads: Sequence[float]) -> str:
    """Name the machine, the day and the load of the figures."""
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, "
        f"{os.cpu_count()} cores, load {min(loads):.1f} to {max(loads):.1f} before each."
    )


def written(document: str, made: str) -> str:
    """Return the document with what was made between its two marks.

    Raises:
        SystemExit: the marks are not there.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"docs/benchmarks.md: lines {BEGIN!r} and {END!r} are to stand around the table")
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> None:
    """Measure, print, and write if told to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="with what takes longest, ten minutes more")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="benchmarks whose names begin so")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and docs/growth.svg")
    options = parser.parse_args()
    commands = [one for one in dict.fromkeys(budget.command for budget in BUDGETS) if options.all or one not in SLOW]
    if options.only:
        commands = [one for one in commands if one[0].startswith(tuple(options.only))]
    loads = []
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        for command in commands:
            loads.append(os.getloadavg()[0])
            run(command, Path(file.name))
        figures = noted(Path(file.name))
        if missing := [one.what for one in BUDGETS if one.command in commands and one.figure not in figures]:
            raise SystemExit(
                f"not noted by their benchmarks: {', '.join(missing)} (is a peer missing, or the machine too busy?)"
            )
        growth = {} if options.only else json.loads(run(GROWTH, Path(file.name)))["nodes"]
    print(f"{circumstances(loads)}\n\n{table(figures, [one for one in BUDGETS if one.command in commands])}")
    if options.write:
        document = DOCUMENT.read_text(encoding="utf-8")
        measured = ", ".join(dict.fromkeys(f"`{one[0]}`" for one in commands))
        others = f" This is of {measured}; the other rows are of an earlier sitting." if options.only else ""
        made = f"{circumstances(loads)}{others}\n\n{table(figures, before=document if options.only else '')}"
        DOCUMENT.write_text(written(document, made), encoding="utf-8")
    if options.write and not options.only:
        lines = {name: {int(nodes): found[name] for nodes, found in growth.items()} for name in LINES}
        CHART.write_text(chart(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
