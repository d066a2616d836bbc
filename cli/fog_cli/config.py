"""Configuration: flag > environment (`FOG_…`) > TOML file > default, read from one frozen dataclass for each command.

    @dataclass(frozen=True)
    class Settings:
        nats: NatsSettings = group(NatsSettings)                        # [nats] url, FOG_NATS_URL, --nats
        http: HttpOptions = part(HttpOptions)                           # [aggregator] listen, FOG_LISTEN, --listen
        json: bool = switch("print JSON")                               # [aggregator] json, FOG_JSON, --json

A command's own options, and those of the parts that it is made of, stand in the table of its name, groups in theirs, so
one file serves every command. Unknown keys are errors with the nearest known one as a hint. Nothing here reads the
environment or a file by itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from fog_bus.options import DECLARATION, Declaration
from fog_bus.options.kinds import SECRET, Kind, redact
from fog_cli.errors import UsageError

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
        declared: How a component declares it.
        default: The value when it is given nowhere.
    """

    key: str
    table: str
    flags: tuple[str, ...]
    environ: tuple[str, ...]
    declared: Declaration
    default: Any

    @property
    def kind(self) -> Kind[Any]:
        """How it is read and written."""
        return self.declared.kind

    @property
    def help(self) -> str:
        """The line for `--help`."""
        return self.declared.help

    @property
    def positional(self) -> bool:
        """Whether it is an argument without a flag."""
        return self.declared.positional

    @property
    def name(self) -> str:
        """``agent.interval``: unique among everything a command has."""
        return f"{self.table}.{self.key}"


@dataclass(frozen=True, slots=True)
class Resolved(Generic[S]):
    """Settings, and where the value of each option came from (by `Option.name`; none for a default)."""

    of: type[S]
    command: str
    options: tuple[Option, ...]
    values: Mapping[str, Any]
    origins: Mapping[str, str]

    @property
    def settings(self) -> S:
        """The settings, made of the values.

        Raises:
            UsageError: for values that cannot be used together.
        """
        return _build(self.of, self.command, self.values)

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


def group(settings: type[S]) -> S:
    """Make a field of options that stand together in a TOML table of the field's name."""
    return field(default_factory=settings, metadata={"group": settings})


def part(options: type[S]) -> S:
    """Make a field of a component's options, which stand among the command's own."""
    return field(default_factory=options, metadata={"part": options})


def options_of(settings: type[Any], command: str) -> tuple[Option, ...]:
    """List the options of a command's settings: its own and its parts' first, then those of each group."""
    own: list[Option] = []
    groups: list[Option] = []
    for entry in fields(settings):
        if (inner := entry.metadata.get("group")) is not None:
            groups += [_option(one, entry.name, grouped=True) for one in declared(inner)]
        elif (inner := entry.metadata.get("part")) is not None:
            own += [_option(one, command, grouped=False) for one in declared(inner)]
        else:
            own.append(_option(entry, command, grouped=False))
    return (*own, *groups)


def declared(options: type[Any]) -> list[Field[Any]]:
    """List the fields of a dataclass that are options; others are not a person's to set."""
    return [entry for entry in fields(options) if DECLARATION in entry.metadata]


def _option(entry: Field[Any], table: str, *, grouped: bool) -> Option:
    declaration: Declaration = entry.metadata[DECLARATION]
    key = entry.name
    prefix = "--no-" if entry.default is True else "--"
    flag = declaration.flag or (prefix + (f"{table}.{key}" if grouped else key).replace("_", "-"))
    variable = "FOG_" + (f"{table}_{key}" if grouped else key).upper()
    return Option(
        key=key,
        table=table,
        flags=() if declaration.positional else (flag, *declaration.aliases),
        environ=() if declaration.positional else (variable, *declaration.environ),
        declared=declaration,
        default=declaration.kind.unset if declaration.convert is not None and not entry.default else entry.default,
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
    return Resolved(settings, command, options, values, origins)


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
        raise UsageError(f"{origin}: {_shown(raw)} {error}") from None


def _shown(raw: object) -> str:
    """Write a value that cannot be used for a message, without the user and password that a URL may have."""
    return repr(redact(raw)) if isinstance(raw, str) else redact(repr(raw))


def _build(settings: type[S], table: str, values: Mapping[str, Any]) -> S:
    arguments: dict[str, Any] = {}
    for entry in fields(cast("Any", settings)):
        if (inner := entry.metadata.get("group")) is not None:
            arguments[entry.name] = _build(inner, entry.name, values)
        elif (inner := entry.metadata.get("part")) is not None:
            arguments[entry.name] = _build(inner, table, values)
        elif (declaration := entry.metadata.get(DECLARATION)) is not None:
            value = values[f"{table}.{entry.name}"]
            arguments[entry.name] = (
                value if declaration.convert is None else _convert(declaration, value, entry.default)
            )
    return _checked(settings, arguments)


def _convert(declaration: Declaration, value: Any, default: Any) -> Any:
    """Make a field's value from what a person wrote; what is unset or empty stands for the default."""
    if not value:
        return default
    return _checked(cast("Any", declaration.convert), {}, value)


def _checked(make: Callable[..., T], arguments: Mapping[str, Any], *positional: Any) -> T:
    """Make a value; what cannot be is a usage error, in its own words."""
    try:
        return make(*positional, **arguments)
    except ValueError as error:
        raise UsageError(str(error)) from None


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
            yield f"[{table}] {key}: {_shown(raw)} {error}"


def _hint(name: str, known: Mapping[str, Option]) -> str:
    """Return the nearest known key: one in the same table, else one of that name, or of nearly that, in any."""
    table, _, key = name.rpartition(".")
    described = {one.name: f"{one.key} in [{one.table}]" for one in known.values()}
    near = _nearest(key, {one.key: one.key for one in known.values() if one.table == table})
    return near or _nearest(key, {one.key: described[one.name] for one in known.values()})


def _nearest(word: str, known: Mapping[str, str]) -> str:
    import difflib  # only for who has mistyped

    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {known[near[0]]}?" if near else ""
