"""Configuration: flag > environment (``FOG_…``) > TOML file > default, told by one frozen dataclass for each command.

    @dataclass(frozen=True)
    class Settings:
        nats: NatsSettings = group(NatsSettings)                        # [nats] url, FOG_NATS_URL, --nats
        interval: float = option(10.0, "between frames", DURATION)      # [agent] interval, FOG_INTERVAL, --interval

A command's own options stand in the table of its name, groups in theirs, so one file serves every command.
Unknown keys are errors with the nearest known one as a hint. Nothing here reads the environment or a file by itself.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from fog_cli.errors import UsageError
from fog_cli.kinds import SECRET, SWITCH, Kind

T = TypeVar("T")
S = TypeVar("S")

Document = Mapping[str, Any]
"""A TOML file that was read."""

REQUIRED: Final[Any] = object()
"""The default of a positional argument that must be there."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: where it may come from and what it means.

    Attributes:
        key: Its TOML key, and its name in ``Settings``.
        table: Its TOML table; the command's own when it is in no group.
        flags: On the command line; none for a positional argument, which is nowhere but there.
        environ: Variables, the first that is set counts.
    """

    key: str
    table: str
    flags: tuple[str, ...]
    environ: tuple[str, ...]
    kind: Kind[Any]
    default: Any
    help: str
    positional: bool

    @property
    def name(self) -> str:
        """``agent.interval``: unique among everything a command has."""
        return f"{self.table}.{self.key}"


@dataclass(frozen=True, slots=True)
class Resolved(Generic[S]):
    """Settings, and where the value of each option came from (by `Option.name`; none for a default)."""

    settings: S
    options: tuple[Option, ...]
    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def as_toml(self) -> str:
        """Return a file that says the same, with origins as comments; secrets are named, not shown."""
        lines: list[str] = []
        table = None
        for option in self.options:
            if option.positional:
                continue
            if option.table != table:
                table = option.table
                lines += ["", f"[{table}]"]
            lines.append(self._line(option))
        return "\n".join(lines[1:])

    def _line(self, option: Option) -> str:
        value, origin = self.values[option.name], self.origins.get(option.name, "default")
        if value is None:
            return f"# {option.key} is not set"
        if option.kind is SECRET:
            return f"# {option.key} is set ({origin}) and not shown"
        return f"{option.key} = {option.kind.show(value)}  # {origin}"


def option(
    default: T,
    help: str,  # noqa: A002 - argparse's word for it
    kind: Kind[Any],
    *,
    flag: str = "",
    aliases: tuple[str, ...] = (),
    environ: tuple[str, ...] = (),
    positional: bool = False,
) -> T:
    """Return a field of a settings dataclass that is an option.

    Args:
        default: Its value when nobody gives one; None for an option that may be absent.
        help: One line for ``--help``.
        kind: How it is read and written.
        flag: Its flag, when it is not ``--key`` (``--table.key`` in a group; ``--no-key`` for a switch that is on).
        aliases: More flags.
        environ: More variables, which are asked after ``FOG_KEY`` (``FOG_TABLE_KEY`` in a group).
        positional: A positional argument, which is on the command line alone.
    """
    told = {"kind": kind, "help": help, "flag": flag, "aliases": aliases, "environ": environ, "positional": positional}
    return field(default=default, metadata=told)


def switch(help: str) -> bool:  # noqa: A002 - as in `option`
    """Return an option that is on or off, and off by default."""
    return option(False, help, SWITCH)  # noqa: FBT003 - the default


def group(settings: type[S]) -> S:
    """Return a field whose options stand together in a TOML table of the field's name."""
    return field(default_factory=settings, metadata={"group": settings})


def options_of(settings: type[Any], command: str) -> tuple[Option, ...]:
    """Return the options of a command's settings: its own first, then those of each group."""
    own, groups = [], []
    for entry in fields(settings):
        inner = entry.metadata.get("group")
        if inner is None:
            own.append(_option(entry.name, command, entry.metadata, entry.default, grouped=False))
        else:
            groups += [_option(e.name, entry.name, e.metadata, e.default, grouped=True) for e in fields(inner)]
    return (*own, *groups)


def _option(key: str, table: str, told: Mapping[str, Any], default: object, *, grouped: bool) -> Option:
    prefix = "--no-" if default is True else "--"
    flag = told["flag"] or (prefix + (f"{table}.{key}" if grouped else key).replace("_", "-"))
    variable = "FOG_" + (f"{table}_{key}" if grouped else key).upper()
    positional = told["positional"]
    return Option(
        key=key,
        table=table,
        flags=() if positional else (flag, *told["aliases"]),
        environ=() if positional else (variable, *told["environ"]),
        kind=told["kind"],
        default=default,
        help=told["help"],
        positional=positional,
    )


def resolve(
    settings: type[S], command: str, flags: Mapping[str, str | bool], environ: Mapping[str, str], document: Document
) -> Resolved[S]:
    """Settle each option of a command.

    Args:
        settings: The command's dataclass.
        command: Its name, which is its TOML table as well.
        flags: Values of the command line, by `Option.name`.
        environ: The environment; a variable that is empty counts as not set.
        document: The TOML file, already checked for unknown keys, or an empty mapping.

    Raises:
        UsageError: for a value that cannot be used, naming where it came from and what to write.
    """
    options = options_of(settings, command)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for one in options:
        values[one.name] = one.default
        for origin, raw in _offers(one, flags, environ, document):
            values[one.name] = _parse(one, raw, origin)
            origins[one.name] = origin
            break
    return Resolved(_build(settings, command, values), options, values, origins)


def _offers(
    one: Option, flags: Mapping[str, str | bool], environ: Mapping[str, str], document: Document
) -> Iterable[tuple[str, object]]:
    """List the givers of a value for this option, the strongest first."""
    if one.name in flags:
        yield (one.flags[0] if one.flags else one.kind.metavar), flags[one.name]
    for variable in one.environ:
        if environ.get(variable):
            yield variable, environ[variable]
    table = document.get(one.table, {})
    if not one.positional and one.key in table:
        yield f"[{one.table}] {one.key}", table[one.key]


def _parse(one: Option, raw: object, origin: str) -> Any:
    try:
        return one.kind.parse(raw)
    except ValueError as error:
        raise UsageError(f"{origin}: {raw!r} {error}") from None


def _build(settings: type[S], command: str, values: Mapping[str, Any]) -> S:
    arguments = {}
    for entry in fields(cast("Any", settings)):
        inner = entry.metadata.get("group")
        arguments[entry.name] = _build(inner, entry.name, values) if inner else values[f"{command}.{entry.name}"]
    return settings(**arguments)


def read_document(file: Path) -> Document:
    """Read a TOML file.

    Raises:
        UsageError: when it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: is not TOML: {error}") from None


def problems(document: Document, options: Iterable[Option]) -> list[str]:
    """Everything in a file that no command understands, one line each; `options` are those of all commands."""
    known = {one.name: one for one in options if not one.positional}
    tables = {one.table for one in known.values()}
    found: list[str] = []
    for table, entries in document.items():
        if not isinstance(entries, dict):
            found.append(f"{table}: stands in no table{_hint(table, known)}")
        elif table not in tables:
            found.append(f"[{table}]: unknown table{_nearest(table, {name: f'[{name}]' for name in tables})}")
        else:
            found += _entries(table, entries, known)
    return found


def _entries(table: str, entries: Mapping[str, object], known: Mapping[str, Option]) -> Iterable[str]:
    for key, raw in entries.items():
        one = known.get(f"{table}.{key}")
        if one is None:
            yield f"[{table}] {key}: unknown key{_hint(f'{table}.{key}', known)}"
            continue
        try:
            one.kind.parse(raw)
        except ValueError as error:
            yield f"[{table}] {key}: {raw!r} {error}"


def _hint(name: str, known: Mapping[str, Option]) -> str:
    """Return the nearest known key: one in the same table, else one of that name, or of nearly that, in any."""
    table, _, key = name.rpartition(".")
    said = {one.name: f"{one.key} in [{one.table}]" for one in known.values()}
    near = _nearest(key, {one.key: one.key for one in known.values() if one.table == table})
    return near or _nearest(key, {one.key: said[one.name] for one in known.values()})


def _nearest(word: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {known[near[0]]}?" if near else ""
