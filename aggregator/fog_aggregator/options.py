"""The options of reading: which part of the fleet, from which subjects and streams, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path as FilePath
from typing import Final

from fog_aggregator.core.engine.defaults import DEPARTED_SECONDS, HORIZON, MAX_EVENTS
from fog_aggregator.core.places.expected import NOBODY_EXPECTED, Expected, parse_expected
from fog_aggregator.core.places.patterns import ANY
from fog_aggregator.kernels.choice import Choice, parse_choice
from fog_bus.options import option
from fog_bus.options.kinds import PATH, PATHS, PERIOD, SIZE, SWITCH, TEXT, WHOLE, Kind
from fog_schema.errors import PathError
from fog_schema.paths import Path, format_path, is_under, parse_path
from fog_schema.subjects import DEFAULT_PREFIX


def parse_branch(text: str) -> Path:
    """Parse `fog/0` or `fog/*`, where each token may be `*`.

    Raises:
        ValueError: It is not a path.
    """
    tokens = tuple(text.removeprefix("/").removesuffix("/").split("/"))
    try:
        parse_path("/".join("any" if token == ANY else token for token in tokens))
    except PathError:
        raise ValueError(
            f"branch {text!r} is not allowed: write a path, as in fog/0, or fog/* for all of them"
        ) from None
    return tokens


def parse_branches(texts: tuple[str, ...]) -> tuple[Path, ...]:
    """Parse several of them."""
    return tuple(map(parse_branch, texts))


KERNELS: Final = Kind("|".join(Choice), TEXT.parse, choices=tuple(Choice))
EXPECTED: Final = Kind("PATH[=N]|learned[,…]", PATHS.parse, unset=())


def read_expected(texts: tuple[str, ...]) -> Expected:
    """Read which nodes are expected; `@FILE` stands for the lines of a file, without comments (#).

    Raises:
        ValueError: A file cannot be read, or a line is not what it must be.
    """
    items: list[str] = []
    for text in texts:
        if text.startswith("@"):
            items += _lines(text[1:])
        else:
            items.append(text)
    return parse_expected(items)


def _lines(name: str) -> list[str]:
    try:
        text = FilePath(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file of expected nodes {name!r} cannot be read: {error}") from None
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


@dataclass(frozen=True, kw_only=True)
class SubtreeOptions:
    """Which part of the tree is read, and which parts of it come as rollups."""

    path: Path = option((), "root of the subtree to read; everything when left out", PATH, convert=parse_path)
    branches: tuple[Path, ...] = option(
        (),
        "paths whose aggregators publish rollups, which are read in place of their nodes; a token may be *",
        PATHS,
        convert=parse_branches,
    )

    branch_events: bool = option(
        default=False, help="list the events of branches' nodes too, read from the streams of events", kind=SWITCH
    )

    def check(self) -> None:
        """Check that the branches lie under the path, and apart.

        Raises:
            ValueError: They do not.
        """
        for branch in self.branches:
            if branch == self.path or not is_under(branch, self.path):
                subtree = format_path(self.path)
                raise ValueError(f"branch {format_path(branch)} does not lie under {subtree}, the subtree that is read")
        for one, other in combinations(self.branches, 2):
            if all(ANY in pair or pair[0] == pair[1] for pair in zip(one, other, strict=False)):
                overlapping = f"{format_path(one)} and {format_path(other)}"
                raise ValueError(f"branches {overlapping} overlap: what lies under both would count twice")


@dataclass(frozen=True, kw_only=True)
class SubjectOptions:
    """The subjects that are read."""

    prefix: str = option(DEFAULT_PREFIX, "what subjects begin with", TEXT)


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """The streams, and for how long a silent node, an epoch and an event are remembered."""

    create_streams: bool = option(
        default=True, help="leave it to fog streams apply to create streams that are missing", kind=SWITCH
    )
    replicas: int = option(1, "copies of streams that are made, in a cluster: 1, 3 or 5", WHOLE)
    max_bytes: int = option(2**30, "size of a stream of metrics that is made, reserved at once", SIZE)
    expect: Expected = option(
        NOBODY_EXPECTED,
        "nodes that must be there: paths, how many lie under one, as in fog/0=48, learned for those that were heard on "
        "two days, or @FILE with one of these a line",
        EXPECTED,
        convert=read_expected,
    )
    departed_after: float = option(DEPARTED_SECONDS, "a node silent for so long has departed", PERIOD)
    horizon: float = option(HORIZON, "how long the counts of a silent epoch are kept apart", PERIOD)
    memory: int = option(
        0, "memory for all that is kept; half of what the machine, or its cgroup, has when left out", SIZE
    )
    max_events: int = option(MAX_EVENTS, "how many events are kept", WHOLE)
    kernels: Choice = option(
        Choice.AUTO,
        "what merges frames: numba, numpy, or auto for numba once the fleet is large",
        KERNELS,
        convert=parse_choice,
    )
