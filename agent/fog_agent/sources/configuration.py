"""Read the file of a node's sources: TOML, a table for each source."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from fog_agent.sources.jobs import settings as jobs
from fog_agent.sources.otlp import settings as otlp
from fog_agent.sources.ports import SourceSettings
from fog_agent.sources.scraping import settings as scraping
from fog_agent.sources.statsd import settings as statsd
from fog_agent.sources.tables import Table
from fog_agent.sources.textfile import settings as textfile

MAX_FILE: Final = 1_048_576
"""Bytes of a file of sources."""
MOST_SOURCES: Final = 100
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")


class Kind(NamedTuple):
    """One kind of source.

    Attributes:
        read: Makes settings of a table; raises ValueError when it cannot.
        several: There may be more than one, as `[[kind]]`; else there is one, as `[kind]`.
    """

    read: Callable[[Table], SourceSettings]
    several: bool = True


KINDS: Final[dict[str, Kind]] = {
    "scrape": Kind(scraping.read),
    "textfile": Kind(textfile.read),
    "jobs": Kind(jobs.read, several=False),
    "statsd": Kind(statsd.read),
    "otlp": Kind(otlp.read),
}
"""The kinds of source, by the word that their tables have in the file."""


class SourcesError(ValueError):
    """The file of sources cannot be used; the text names the file, the table, the key and the value."""


def load_sources(file: Path) -> tuple[SourceSettings, ...]:
    """Read a file of sources.

    Raises:
        SourcesError: It cannot be read or used.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
        return parse_sources(tomllib.loads(_within_limit(data).decode()))
    except OSError as error:
        raise SourcesError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SourcesError(f"{file}: is not UTF-8: {error.reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise SourcesError(f"{file}: is not TOML: {error}") from None
    except SourcesError as error:
        raise SourcesError(f"{file}: {error}") from None


def _within_limit(data: bytes) -> bytes:
    if len(data) > MAX_FILE:
        raise SourcesError(f"is longer than {MAX_FILE} bytes")
    return data


def parse_sources(document: dict[str, Any]) -> tuple[SourceSettings, ...]:
    """Make settings of a document's tables.

    Raises:
        SourcesError: A table cannot be used.
    """
    found: dict[str, SourceSettings] = {}
    for word, kind, place, table in _tables(document):
        called = f" ({table['name']!r})" if isinstance(table.get("name"), str) else ""
        try:
            settings = kind.read(Table({"name": word, **table} if not kind.several else table))
            _check_name(settings.name, found)
        except ValueError as error:
            raise SourcesError(f"{place}{called}: {error}") from None
        found[settings.name] = settings
    if len(found) > MOST_SOURCES:
        raise SourcesError(f"has {len(found)} sources: give {MOST_SOURCES} at most")
    return tuple(found.values())


def _tables(document: dict[str, Any]) -> Iterator[tuple[str, Kind, str, dict[str, Any]]]:
    """Yield each table with its kind and its place in the file."""
    for word, content in document.items():
        kind = KINDS.get(word)
        if kind is None:
            raise SourcesError(f"[{word}]: no such kind of source; there are {', '.join(KINDS)}")
        if kind.several:
            if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
                raise SourcesError(f"[{word}]: must be written [[{word}]], as there may be several")
            for number, table in enumerate(content, 1):
                yield word, kind, f"[[{word}]] number {number}", table
        elif not isinstance(content, dict):
            raise SourcesError(f"[[{word}]]: must be written [{word}], as there is one at most")
        else:
            yield word, kind, f"[{word}]", content


def _check_name(name: str, others: dict[str, SourceSettings]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"name = {name!r}: must be 1 to 63 letters, digits, '_', '.' and '-', no sign first")
    if name in others:
        raise ValueError(f"name = {name!r}: another source has it; give each its own")
