"""`python -m fog_proving.sim`: runs histories of a fog and says whether a promise was broken."""

from __future__ import annotations

import argparse
import logging
import sys
import textwrap
import time
from collections.abc import Sequence

from fog_proving.sim.mutations import MUTATIONS
from fog_proving.sim.run import Failure, Task, history, run_all, shortest, trace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 when a promise was broken, or a mutation was not caught."""
    parser = argparse.ArgumentParser(prog="python -m fog_proving.sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which histories (1)")
    parser.add_argument("--histories", type=int, default=1000, help="how many, at most (1000)")
    parser.add_argument("--history", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="tell what happens, step by step")
    parser.add_argument("--mutation", default="", choices=MUTATIONS, help="leave out a rule", metavar="NAME")
    parser.add_argument("--mutations", action="store_true", help="leave out each rule in turn, and print a table")
    parser.add_argument("--jobs", type=int, default=0, help="processes (one for each processor)")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # faults are what this is about
    if options.mutations:
        return _mutations(options.seed, options.histories, options.jobs)
    if options.trace:
        for line in trace(history(options.seed, options.history or 0), options.mutation):
            print(line)
        return 0
    first, count = (options.history, 1) if options.history is not None else (0, options.histories)
    return _clean(
        [Task(options.seed, number, options.mutation) for number in range(first, first + count)], options.jobs
    )


def _clean(tasks: Sequence[Task], jobs: int) -> int:
    """Run histories; tell of the first that fails."""
    began = time.monotonic()
    for done, failure in enumerate(run_all(tasks, jobs), 1):
        if failure is not None:
            _tell(failure)
            return 1
        if done % 1000 == 0:
            print(f"{done} histories, {done / (time.monotonic() - began) * 60:.0f} a minute", file=sys.stderr)
    seconds = time.monotonic() - began
    print(f"{len(tasks)} histories, {len(tasks) / seconds * 60:.0f} a minute: no promise was broken")
    return 0


def _tell(failure: Failure) -> None:
    seed, number, mutation = failure.task
    print(f"seed {seed}, history {number}: {failure.why}")
    print("what is needed to break a promise:")
    for step in shortest(failure):
        print(f"    {step!r},")
    again = f"--seed {seed} --history {number} --trace" + (f" --mutation {mutation}" if mutation else "")
    print(f'to see all of it: make sim ARGS="{again}"')


def _mutations(seed: int, histories: int, jobs: int) -> int:
    """Leave out each rule; print the table of docs/simulation.md."""
    print("| rule left out | histories needed | the promise that was broken |\n|---|---|---|")
    survivors = 0
    for name, mutation in MUTATIONS.items():
        if not name:
            continue
        tasks = [Task(seed, number, name) for number in range(histories)]
        caught = next((failure for failure in run_all(tasks, jobs) if failure is not None), None)
        survivors += caught is None
        after = f"{caught.task.number + 1}" if caught else f"not in {histories}"
        why = textwrap.shorten(caught.why.replace("|", "/"), 110, placeholder=" …") if caught else ""
        print(f"| {mutation.number} {mutation.rule} (`{name}`) | {after} | {why} |", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
