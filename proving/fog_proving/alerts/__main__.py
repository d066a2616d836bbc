"""`python -m fog_proving.alerts`: plays histories of alerts and says whether a receiver was told a lie."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fog_proving.alerts.checks import lies
from fog_proving.alerts.mutations import MUTATIONS
from fog_proving.alerts.world import play


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is asked for; 1 when a promise was broken, or a mutation was not caught."""
    parser = argparse.ArgumentParser(prog="python -m fog_proving.alerts", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first history (0)")
    parser.add_argument("--histories", type=int, default=100, help="how many, at most (100)")
    parser.add_argument("--mutations", action="store_true", help="leave out each rule in turn")
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.histories)
    if options.mutations:
        return _mutations(seeds)
    broken = 0
    for seed in seeds:
        found = lies(play(seed))
        broken += bool(found)
        for text in found:
            print(f"history {seed}, {text}")
    print(f"{len(seeds)} histories, {broken} with a lie")
    return int(broken > 0)


def _mutations(seeds: range) -> int:
    missed = 0
    for name, leave_out in MUTATIONS.items():
        with leave_out():
            caught = next(((seed, found) for seed in seeds if (found := lies(play(seed)))), None)
        missed += caught is None
        print(f"{name}: " + ("not caught" if caught is None else f"history {caught[0]}, {caught[1][0]}"))
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
