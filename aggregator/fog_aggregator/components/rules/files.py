"""Read rule files: all of them, or none when anything is wrong with one."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from fog_aggregator.components.rules.options import DEFAULT
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.load import RuleFileError, load
from fog_aggregator.rules.model import RuleFile
from fog_aggregator.rules.verdicts.reads import reach
from fog_aggregator.rules.yaml_tree import MAX_BYTES

BUILTIN: Final = "builtin.yml"
MAX_FILES: Final = 1_000
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class RulesError(ValueError):
    """Rule files that cannot be used; the text has a line for each problem."""


def read_rules(patterns: Sequence[str], retention: int) -> list[RuleFile]:
    """Read the files that names and patterns stand for, each once.

    Args:
        patterns: Names, patterns, or `default`.
        retention: For how many milliseconds numbers are kept: no rule can look back further.

    Raises:
        RulesError: A file is missing or wrong, or a rule looks back too far.
    """
    problems: list[str] = []
    files: dict[str, RuleFile] = {}
    for pattern in patterns:
        try:
            for name in _names(pattern):
                files.setdefault(name, _builtin() if name == DEFAULT else _read(name))
        except RuleFileError as error:
            problems += map(str, error.problems)
        except OSError as error:
            problems.append(f"{pattern}: cannot be read: {error.strerror}")
        except RulesError as error:
            problems.append(str(error))
    problems += (text for file in files.values() for text in _too_far(file, retention))
    if problems:
        raise RulesError("\n".join(problems))
    return list(files.values())


def _names(pattern: str) -> list[str]:
    if pattern == DEFAULT:
        return [DEFAULT]
    found = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise RulesError(f"{pattern}: no file has such a name")
    if len(found) > MAX_FILES:
        raise RulesError(f"{pattern}: {len(found)} files are too many, {MAX_FILES} may be read")
    return found


@cache
def _builtin() -> RuleFile:
    """Read the rules that come with the package, once: neither they nor what is made of them ever changes."""
    shipped = resources.files("fog_aggregator.rules").joinpath(BUILTIN)
    return load(shipped.read_bytes() if shipped.is_file() else b"", DEFAULT)


def _read(name: str) -> RuleFile:
    with Path(name).open("rb") as file:
        return load(file.read(MAX_BYTES + 1), name)


def _too_far(file: RuleFile, retention: int) -> Iterable[str]:
    for group in file.groups:
        for number, rule in enumerate(group.rules, 1):
            if (back := reach(rule.tree)) > retention:
                yield (
                    f'{file.file}:{rule.line}: group "{group.name}", rule {number}, "{rule.name}": it looks back '
                    f"{back // 1000} s, and numbers are kept for {retention // 1000} s: set --history-retention"
                )


def parse_labels(pairs: Sequence[str]) -> Labels:
    """Read the labels of the process.

    Raises:
        RulesError: One is no pair of a label's name and a value.
    """
    labels = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise RulesError(f"{pair!r} is no label: write NAME=VALUE, as in site=north")
        labels[name] = value
    return tuple(sorted((name, value) for name, value in labels.items() if value))
