"""NATS subjects that spell the tree.

| subject                   | who publishes           | who listens                                  |
|---------------------------|-------------------------|----------------------------------------------|
| ``fog.v1.metrics.<path>`` | the node at the path    | the stream of metrics                        |
| ``fog.v1.events.<path>``  | the node at the path    | the stream of events                         |
| ``fog.v1.resync.<path>``  | an aggregator           | every node at or under the path              |
| ``fog.v1.rollups.<path>`` | a subtree's aggregator  | the aggregator above it                      |
| ``fog.v1.control.<path>`` | an operator             | the stream of commands                       |
| ``fog.v1.alerts.<path>``  | an aggregator           | whoever is to be told                        |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fog_schema.errors import PathError
from fog_schema.paths import Path, ancestors, check_path

DEFAULT_PREFIX: Final = "fog.v1"
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects under one prefix.

    Raises:
        PathError: when the prefix is not one or more tokens joined by dots.
    """

    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise PathError(f"subject prefix {self.prefix!r} is not allowed: write tokens joined by dots, as in fog.v1")

    def metrics(self, path: Path) -> str:
        """Where the node at `path` publishes its frames."""
        return self._subject("metrics", path)

    def events(self, path: Path) -> str:
        """Where the node at `path` publishes its events."""
        return self._subject("events", path)

    def resync(self, path: Path) -> str:
        """Where every node at or under `path` is asked for a keyframe."""
        return self._subject("resync", path)

    def rollups(self, path: Path) -> str:
        """Where the aggregator of the subtree at `path` publishes its totals."""
        return self._subject("rollups", path)

    def control(self, path: Path) -> str:
        """Where an operator publishes commands for `path` and all below it."""
        return self._subject("control", path)

    def alerts(self, path: Path) -> str:
        """Where alerts about `path` are published."""
        return self._subject("alerts", path)

    def listens(self, path: Path) -> list[str]:
        """List what an agent at `path` subscribes to: requests to each place above it, to its siblings and to itself.

        A wildcard stands for it and its siblings: one of its own would be known to every server of a cluster. It
        answers the requests of `asks` alone.
        """
        *above, own = (self.resync(place) for place in ancestors(path))
        return [*above, f"{above[-1]}.*" if above else own]

    def asks(self, path: Path) -> list[str]:
        """List where an agent at `path` is asked: at its own path and at each place above it."""
        return [self.resync(place) for place in ancestors(path)]

    def of(self, kind: str, path: Path) -> str:
        """Return the subject of a kind and a path, where each token may be `*`."""
        return self._subject(kind, path)

    def subtree(self, kind: str, path: Path = ()) -> list[str]:
        """List the filters that match every subject of `kind` at or under `path`; all of the kind without a path."""
        base = self._subject(kind, path)
        return [base, f"{base}.>"] if path else [f"{base}.>"]

    def commands(self, path: Path = ()) -> list[str]:
        """List the filters that match every command that concerns the subtree at `path`: those to places above too."""
        return [*map(self.control, ancestors(path)[:-1]), *self.subtree("control", path)]

    def path_of(self, subject: str) -> tuple[str, Path]:
        """Split a subject into its kind and its path.

        Raises:
            PathError: when the subject is not under the prefix or its path is not a valid one.
        """
        head = f"{self.prefix}."
        if not subject.startswith(head):
            raise PathError(f"subject {subject!r} is not under the prefix {self.prefix!r}")
        kind, *tokens = subject[len(head) :].split(".")
        return kind, check_path(tuple(tokens))

    def _subject(self, kind: str, path: Path) -> str:
        return ".".join((self.prefix, kind, *path))
