"""Read the rules of what is sent from a file: TOML, or YAML as Prometheus has it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from fog_agent.core.filters.parsing import RELABEL_KEY, FilterError, parse_filters
from fog_agent.core.filters.rules import Filters

MAX_FILE: Final = 1_048_576
"""Bytes of a file of rules."""
_YAML: Final = frozenset({".yml", ".yaml"})


def filters_from(given: object) -> Filters | None:
    """Return the filters that an agent was given: as they are, or read from the file of that name.

    Raises:
        FilterError: As `load_filters`.
        TypeError: They are neither.
    """
    if given is None or isinstance(given, Filters):
        return given
    if isinstance(given, str | Path):
        return load_filters(Path(given))
    raise TypeError(f"filters must be the path of a file, not {type(given).__name__}")


def load_filters(file: Path) -> Filters:
    """Read a file of rules.

    Raises:
        FilterError: It cannot be read, or a rule cannot be used.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
        return parse_filters(_parsed(file, data))
    except OSError as error:
        raise FilterError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FilterError(f"{file}: is not UTF-8: {error.reason}") from None
    except FilterError as error:
        raise FilterError(f"{file}: {error}") from None


def _parsed(file: Path, data: bytes) -> dict[str, Any]:
    if len(data) > MAX_FILE:
        raise FilterError(f"is longer than {MAX_FILE} bytes")
    text = data.decode()
    if file.suffix not in _YAML:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise FilterError(f"is not TOML: {error}") from None
    try:
        import yaml
    except ImportError:
        raise FilterError(
            "YAML needs PyYAML, which is not installed here: where it is, `fog check filters FILE` writes it as TOML"
        ) from None
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise FilterError(f"is not YAML: {' '.join(str(error).split())}") from None
    if isinstance(found, list):
        return {RELABEL_KEY: found}
    if not isinstance(found, dict) or "scrape_configs" in found:
        raise FilterError(
            f"is neither a list of rules nor a mapping with {RELABEL_KEY}: take them from one scrape config"
        )
    return found
