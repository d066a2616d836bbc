"""The file of sources: an error names the file, the table, the key and the value; all that is fine is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fog_agent.sources import configuration
from fog_agent.sources.configuration import Kind, SourcesError, load_sources
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from fog_agent.sources.tables import Table
from utilityfog_frontend.telemetry.collector import TelemetryCollector


@dataclass(frozen=True)
class Settings:
    """Of a kind of the test's own."""

    name: str
    every: float


def read(table: Table) -> Settings:
    """Read a table."""
    settings = Settings(table.text("name"), table.seconds("every", 1, 60, 10.0))
    table.end()
    return settings


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a kind that may stand in a file several times, and one that stands there once."""
    monkeypatch.setattr(configuration, "KINDS", {"many": Kind(read), "one": Kind(read, several=False)})


def test_each_table_becomes_settings(tmp_path: Path) -> None:
    """In the order of the file; one that there is once is named by its kind."""
    file = tmp_path / "sources.toml"
    file.write_text('[[many]]\nname = "a"\nevery = 5\n[[many]]\nname = "b"\n[one]\n')
    assert load_sources(file) == (Settings("a", 5.0), Settings("b", 10.0), Settings("one", 10.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[other]", "[other]: no such kind of source; there are many, one"),
        ("[many]\nname = 'a'", "[many]: must be written [[many]]"),
        ("[[one]]", "[[one]]: must be written [one]"),
        ("[[many]]", "[[many]] number 1: name is missing"),
        ("[[many]]\nname = 'a'\nevry = 5", "[[many]] number 1 ('a'): evry: no such key"),
        ("[[many]]\nname = 'a'\nevery = 'x'", "[[many]] number 1 ('a'): every = 'x': must be seconds, a number"),
        ("[[many]]\nname = 'a'\nevery = nan", "every = nan: must be seconds"),
        ("[[many]]\nname = 'a'\nevery = true", "every = True: must be seconds"),
        ("[[many]]\nname = 'a'\n[[many]]\nname = 'a'", "[[many]] number 2 ('a'): name = 'a': another source has it"),
        ("[[many]]\nname = '-a'", "name = '-a': must be 1 to 63 letters"),
        ("[[many", "is not TOML"),
        ("\xff", "is not UTF-8"),
        ("#" * 2**20 + "#", "is longer than 1048576 bytes"),
        ("\n".join(f"[[many]]\nname = 'n{n}'" for n in range(101)), "has 101 sources: give 100 at most"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With the file before it."""
    file = tmp_path / "sources.toml"
    file.write_text(text, "latin-1")
    with pytest.raises(SourcesError) as raised:
        load_sources(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert words in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what the system says."""
    with pytest.raises(SourcesError, match="nowhere: cannot be read: No such file"):
        load_sources(tmp_path / "nowhere")


def test_settings_of_no_kind_are_refused() -> None:
    """Each kind's are known to what makes the sources; the error names the others'."""
    collector = TelemetryCollector()
    with pytest.raises(TypeError, match="a: no kind of source has settings of the type Settings"):
        make_source(Settings("a", 5.0), Context(collector, SourceMetrics(collector), 10))
