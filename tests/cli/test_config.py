"""Flag > environment > file > default, and what is said of everything else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from fog_aggregator.components.bootstrap.options import PEER
from fog_aggregator.components.notifications.options import HTTP_URLS
from fog_aggregator.config import AggregatorConfig
from fog_bus.options import kinds, option, switch
from fog_bus.options.kinds import redact
from fog_cli.commands import load
from fog_cli.config import REQUIRED, declared, group, options_of, problems, read_document, resolve
from fog_cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Bus:
    """A group."""

    url: tuple[str, ...] = option(
        ("nats://here:4222",), "where", kinds.URLS, flag="--bus", aliases=("--server",), environ=("BUS_URL",)
    )
    password: str | None = option(None, "secret", kinds.SECRET)


@dataclass(frozen=True, slots=True)
class Settings:
    """A command's options."""

    file: str = option(REQUIRED, "which", kinds.FILE, positional=True)
    interval: float = option(10.0, "how often", kinds.DURATION)
    listen: kinds.Address = option(("127.0.0.1", 80), "where", kinds.ADDRESS)
    once: bool = switch("once")
    bus: Bus = group(Bus)


OPTIONS = options_of(Settings, "run")


def settle(flags: dict[str, str | bool], environ: dict[str, str], toml: str) -> Settings:
    """Return the settings from these three."""
    return resolve(Settings, "run", {"run.file": "f", **flags}, environ, tomllib.loads(toml)).settings


def test_the_stronger_source_wins() -> None:
    """Each source gives way to the one above it: default, file, environment, flag."""
    toml = '[run]\ninterval = "1m"'
    environ = {"FOG_INTERVAL": "500ms"}
    assert settle({}, {}, "").interval == 10
    assert settle({}, {}, toml).interval == 60
    assert settle({}, environ, toml).interval == 0.5
    assert settle({"run.interval": "2"}, environ, toml).interval == 2


def test_an_empty_variable_is_not_set() -> None:
    """`FOG_INTERVAL= fog …` takes a setting away, as in other tools."""
    assert settle({}, {"FOG_INTERVAL": ""}, "").interval == 10


def test_a_group_has_its_own_table_and_variables() -> None:
    """`[bus] url`, `FOG_BUS_URL` and then the variable that neighbours use."""
    assert settle({}, {}, '[bus]\nurl = ["nats://a", "tls://b"]').bus.url == ("nats://a", "tls://b")
    assert settle({}, {"BUS_URL": "b:1"}, "").bus.url == ("nats://b:1",)
    assert settle({}, {"FOG_BUS_URL": "a:1", "BUS_URL": "b:1"}, "").bus.url == ("nats://a:1",)


@pytest.mark.parametrize(
    ("flags", "environ", "toml", "said"),
    [
        ({"run.interval": "soon"}, {}, "", "--interval: 'soon' is not a duration"),
        ({}, {"FOG_LISTEN": "nowhere"}, "", "FOG_LISTEN: 'nowhere' is not HOST:PORT"),
        ({}, {}, "[run]\nonce = 7", "[run] once: 7 must be true or false"),
        ({}, {}, "[bus]\nurl = 'http://x'", "[bus] url: 'http://x' is not a NATS address"),
    ],
)
def test_a_bad_value_is_named_with_its_origin(
    flags: dict[str, str | bool], environ: dict[str, str], toml: str, said: str
) -> None:
    """An error names the place that gave the value."""
    with pytest.raises(UsageError) as caught:
        settle(flags, environ, toml)
    assert said in str(caught.value)


def test_what_is_printed_reads_back() -> None:
    """--print-config is a file that gives the same settings, with origins; secrets are left out."""
    first = resolve(Settings, "run", {"run.file": "f"}, {"FOG_INTERVAL": "1h", "FOG_BUS_PASSWORD": "hush"}, {})
    text = first.as_toml()
    assert 'interval = "1h"  # FOG_INTERVAL' in text
    assert 'listen = "127.0.0.1:80"  # default' in text
    assert "hush" not in text
    second = resolve(Settings, "run", {"run.file": "f", "bus.password": "hush"}, {}, tomllib.loads(text))
    assert second.settings == first.settings
    assert problems(tomllib.loads(text), OPTIONS) == []


def test_a_password_in_an_address_is_not_printed() -> None:
    """--print-config goes into bug reports."""
    text = resolve(Settings, "run", {"run.file": "f"}, {"FOG_BUS_URL": "nats://me:hush@host"}, {}).as_toml()
    assert "hush" not in text
    assert "host" in text


def test_a_password_in_an_address_that_cannot_be_used_is_not_told() -> None:
    """The message is in a journal."""
    toml = "[bus]\nurl = 'http://me:hu/sh@host'"
    with pytest.raises(UsageError) as caught:
        settle({}, {}, toml)
    assert "'http://…@host' is not" in str(caught.value)
    (said,) = problems(tomllib.loads(toml), OPTIONS)
    assert said.startswith("[bus] url: 'http://…@host' is not")


@pytest.mark.parametrize(
    "url", ["me:hush@host", "http://me:hu/sh@host", "http://me:x@hush@host", "http://me:#hush@host"]
)
def test_a_login_is_cut_from_any_address(url: str) -> None:
    """Without a scheme, and with signs in it that end a host."""
    assert "sh" not in redact(url)
    assert redact(f"cannot connect to {url}").endswith("…@host")
    with pytest.raises(UsageError) as caught:
        settle({"run.interval": url}, {}, "")
    assert "sh" not in str(caught.value)
    assert "…@host" in str(caught.value)


@pytest.mark.parametrize("kind", [PEER, HTTP_URLS], ids=["bootstrap", "receivers"])
@pytest.mark.parametrize("url", ["http://me:12#hush@host", "http://me:hu#sh@host", "http://me:[hush@host"])
def test_an_http_address_that_a_secret_cuts_short_is_refused(kind: kinds.Kind[object], url: str) -> None:
    """Else a part of the secret is the name of a port, and is told in a log."""
    with pytest.raises(ValueError, match="is not an address: write") as refused:
        kind.parse(url)
    assert "sh" not in str(refused.value)


def test_unknown_keys_come_with_the_nearest_known_one() -> None:
    """A typing error is not silently a default, and every problem of the file is listed."""
    toml = """
    interval = 1
    [run]
    intervall = 1
    bus = "x"
    file = "positional"
    [buss]
    [bus]
    url = 3
    """
    assert problems(tomllib.loads(toml), OPTIONS) == [
        "interval: stands in no table; did you mean interval in [run]?",
        "[run] intervall: unknown key; did you mean interval?",
        "[run] bus: unknown key",
        "[run] file: unknown key",
        "[buss]: unknown table; did you mean [bus]?",
        "[bus] url: 3 must be a URL, or a list of them",
    ]


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    """One line with the place, or with why it cannot be read."""
    file = tmp_path / "fog.toml"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_document(file)
    file.write_text("[run\n")
    with pytest.raises(UsageError, match=r"is not TOML: .*line 1"):
        read_document(file)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1.5m", 90), ("250ms", 0.25), ("3", 3), ("72h", 259200), ("7d", 604800)]
)
def test_durations(text: str, seconds: float) -> None:
    """Written as people write them, and the shortest form reads back as the same number."""
    assert kinds.DURATION.parse(text) == seconds
    assert kinds.DURATION.parse(kinds.show_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 fortnight", "nan", "1e3"])
def test_not_durations(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is not a duration"):
        kinds.DURATION.parse(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [(":80", ("", 80)), ("[::1]:80", ("::1", 80)), ("localhost:10364", ("localhost", 10364))],
)
def test_addresses(text: str, address: kinds.Address) -> None:
    """Host and port, IPv6 in brackets, the empty host for every interface."""
    assert kinds.ADDRESS.parse(text) == address
    assert kinds.show_address(address) == text


@pytest.mark.parametrize("text", ["80", "host:", "host:70000", "::1:80", "host:http"])
def test_not_addresses(text: str) -> None:
    """An IPv6 address without brackets is ambiguous, and refused."""
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        kinds.ADDRESS.parse(text)


def test_sizes() -> None:
    """Bytes, or binary units."""
    assert kinds.SIZE.parse("64MiB") == 64 * 2**20
    assert kinds.SIZE.parse(1000) == 1000
    with pytest.raises(ValueError, match="is not a size"):
        kinds.SIZE.parse("64MB")


def test_paths() -> None:
    """A list in TOML, or text with commas; what is shown reads back."""
    assert kinds.PATHS.parse("fog/0, fog/*") == kinds.PATHS.parse(["fog/0", "fog/*"]) == ("fog/0", "fog/*")
    assert tomllib.loads(f"paths = {kinds.PATHS.show(('fog/0', 'fog/*'))}") == {"paths": ["fog/0", "fog/*"]}
    with pytest.raises(ValueError, match="must be a path, or a list of them"):
        kinds.PATHS.parse(3)


def test_each_option_of_an_aggregator_is_written_once() -> None:
    """Its parts declare them; no part declares another's, and the command adds none that a part has."""
    parts = [part for part in AggregatorConfig.__mro__ if "__annotations__" in vars(part) and part is not object]
    names = [name for part in parts for name in vars(part)["__annotations__"]]
    assert sorted(set(names)) == sorted(names)
    assert {entry.name for entry in declared(AggregatorConfig)} == set(names) - {"nats"}
    assert {entry.name for entry in fields(load("aggregator").settings)} & set(names) == {"nats"}


@pytest.mark.parametrize("command", ["aggregator", "agent", "check"])
def test_help_needs_nothing_heavy(command: str) -> None:
    """No extra is there, and neither is nats-py."""
    code = f"""
import sys
for module in ("aiohttp", "isal", "nats", "numpy", "psutil", "textual"):
    sys.modules[module] = None
from fog_cli.main import run
sys.exit(run([{command!r}, "--help"], {{}}))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
