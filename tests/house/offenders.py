"""Tables of what does not keep a guard's rule yet: by guard and file, a number that may only shrink.

A guard counts what is against its rule in each file. `offenders.txt` has the numbers of today: a file that gets worse
fails, and so does one that gets better while the table still has the old number. After an improvement, after files have
moved and after a merge (git keeps the lines of both sides) this writes the table anew. It refuses when a guard's sum
would grow:

    python -m tests.house.offenders
    python -m tests.house.offenders --show prose
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

Found: TypeAlias = Mapping[str, list[str]]
"""By file, what is against the rule, each for people to read."""

TABLE: Final = Path(__file__).with_name("offenders.txt")
COMMAND: Final = "python -m tests.house.offenders"
GUARDS: Final[dict[str, Callable[[], Found]]] = {}


def guard(name: str) -> Callable[[Callable[[], Found]], Callable[[], Found]]:
    """Register a function that finds what is against a rule."""

    def register(find: Callable[[], Found]) -> Callable[[], Found]:
        GUARDS[name] = find
        return find

    return register


def allowed() -> dict[str, dict[str, int]]:
    """Read the table; of two lines for a file, as a merge leaves them, the lower number counts."""
    table: dict[str, dict[str, int]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, number, file = line.split(maxsplit=2)
            files = table.setdefault(name, {})
            files[file] = min(int(number), files.get(file, int(number)))
    return table


def hold(name: str) -> None:
    """Fail when a file has more, or fewer, offences than the table allows it."""
    found, table = GUARDS[name](), allowed().get(name, {})
    worse = [line for file, lines in sorted(found.items()) if len(lines) > table.get(file, 0) for line in lines]
    total = sum(len(lines) for lines in found.values())
    assert not worse, (
        f"{name}: {total} in all, and the table has {sum(table.values())}. Repair these, or, when a file has moved, "
        f"run `{COMMAND}`:\n" + "\n".join(worse)
    )
    better = [file for file, number in table.items() if len(found.get(file, [])) < number]
    assert not better, f"{name}: better than the table says, shrink it with `{COMMAND}`: {', '.join(better)}"


def write(table: Mapping[str, Mapping[str, int]]) -> None:
    """Write the table, sorted, a line for each guard and file."""
    lines = ["# What does not keep a rule yet: guard, number, file. Numbers only shrink, see offenders.py."]
    for name, files in sorted(table.items()):
        lines += [f"{name} {number} {file}" for file, number in sorted(files.items())]
    TABLE.write_text("\n".join(lines) + "\n", "utf-8")


def main(arguments: list[str]) -> int:
    """Write the table anew, unless a guard's sum has grown; `--show NAME` prints what a guard finds."""
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.house.{file.stem}")
    if arguments[:1] == ["--show"]:
        for name in arguments[1:] or GUARDS:
            print("\n".join(line for _, lines in sorted(GUARDS[name]().items()) for line in lines))
        return 0
    before, status = allowed(), 0
    now = {name: {file: len(lines) for file, lines in find().items() if lines} for name, find in GUARDS.items()}
    for name, files in now.items():
        old, new = sum(before.get(name, {}).values()), sum(files.values())
        if new > old and name in before:
            print(f"{name}: {new}, but the table has {old}: `{COMMAND} --show {name}`", file=sys.stderr)
            now[name], status = before[name], 1
        elif new != old:
            print(f"{name}: {old} -> {new}")
    write(now)
    return status


if __name__ == "__main__":
    sys.modules["tests.house.offenders"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
