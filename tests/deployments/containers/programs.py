"""The programs of ours that a compose file or a manifest starts, and what they are given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.budget.division import DEFAULT_SHARE, MIB, MemoryTooSmallError, divide
from fog_cli.arguments import build_parser, parse_arguments
from fog_cli.commands import load
from fog_cli.config import Option, options_of, resolve

OF_A_PROGRAM: Final = 128 * MIB
"""More than an aggregator takes before it has read anything."""

NOT_OURS: Final = frozenset({"RACK", "HOSTNAME", "BOOTSTRAP_TOKEN"})
"""Variables that a path or an address may be made of."""


@dataclass(frozen=True)
class Program:
    """One `fog` command.

    Attributes:
        name: The service, or the container.
        words: The command and its arguments.
        environ: The variables that it is given.
    """

    name: str
    words: tuple[str, ...]
    environ: Mapping[str, str]

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that its command has."""
        return options_of(load(self.words[0]).settings, self.words[0])

    def problems(self) -> Iterator[str]:
        """List variables that the command does not know; words and values that it does not take are errors of it.

        Raises:
            UsageError: A word or a value cannot be used.
        """
        known = {name for option in self.options for name in option.environ} | {"FOG_CONFIG"}
        yield from (f"{self.name}: {name} is no variable of fog" for name in self.environ.keys() - known - NOT_OURS)
        command = self.words[0]
        flags = parse_arguments(build_parser(command, "", self.options), self.words[1:])
        assert resolve(load(command).settings, command, flags, self.environ, {}).values


def starts_within(limit: str) -> bool:
    """Tell whether an aggregator starts in a container of so much memory: 512Mi, or 1G, by which docker means 1Gi."""
    number, unit = re.fullmatch(r"(\d+)([MG])i?", limit).groups()  # type: ignore[union-attr]
    total = int(number) * (MIB if unit == "M" else 1024 * MIB)
    options = AggregatorConfig()
    try:
        divide(int(total * DEFAULT_SHARE), OF_A_PROGRAM, options.history_memory, options.past_memory)
    except MemoryTooSmallError:
        return False
    return True


def of_service(name: str, service: Mapping[str, Any]) -> Program:
    """Return the program of a service of a compose file."""
    return Program(name, tuple(service["command"]), dict(service.get("environment", {})))


def of_container(container: Mapping[str, Any], node: str = "worker-1") -> Program:
    """Return the program of a container of a pod, on a machine of that name; a secret's is `secret-KEY`."""
    environ: dict[str, str] = {}
    for one in container.get("env", ()):
        source = one.get("valueFrom", {})
        if "secretKeyRef" in source:
            given = f"secret-{source['secretKeyRef']['key']}"
        else:
            given = one["value"] if "value" in one else {"spec.nodeName": node}[source["fieldRef"]["fieldPath"]]
        environ[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: environ[match[1]], given)
    return Program(container["name"], tuple(container["args"]), environ)
