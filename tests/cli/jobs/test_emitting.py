"""`fog emit`: one value, or lines of standard input; what cannot be is refused before anything is told."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from fog_cli.jobs.emitting import WrongError, line_of
from tests.cli.jobs.listening import Place, received


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("a_total 1", "counter a_total 1"),
        ("queue 7 shop=berlin", 'gauge queue{shop="berlin"} 7'),
        ("t=histogram 1.5e-3 a=b c=", 'histogram t{a="b",c=""} 1.5e-3'),
        ("cold -5", "gauge cold -5"),
        ("x=counter 1_000", "counter x 1000.0"),
        ("done=event text=1 a=b=c", 'event done{a="b=c"} "text=1"'),
        ('q 1 a="\\', r'gauge q{a="\"\\"} 1'),
    ],
)
def test_lines(words: str, line: str) -> None:
    """As the agent reads them."""
    assert line_of(words.split()) == line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "write NAME[=type] VALUE"),
        (["a"], "write NAME[=type] VALUE"),
        (["1a", "1"], "'1a' is no name of a metric"),
        (["naïve", "1"], "'naïve' is no name of a metric"),
        (["", "1"], "'' is no name of a metric"),
        (["a=set", "1"], "a=set: no such type; write one of counter, gauge, histogram, event"),
        (["a", "one"], "'one' is no number"),
        (["a", "nan"], "nan is nothing that a gauge takes"),
        (["a_total", "-1"], "-1 is nothing that a counter takes; it only goes up"),
        (["a", "1", "b"], "'b' is no label: write name=value"),
        (["a", "1", "b:c=d"], "'b:c=d' is no label"),
    ],
)
def test_wrong_words(words: list[str], said: str) -> None:
    """The error says which, and what to write."""
    with pytest.raises(WrongError, match=re.escape(said)):
        line_of(words)


@pytest.mark.parametrize(
    "arguments", [["emit"], ["emit", "a"], ["emit", "a", "1", "--to", "x"], ["run"], ["run", "-x"]]
)
def test_misuse(place: Place, arguments: list[str]) -> None:
    """One line and exit code 2, and nothing is told."""
    code, out, err = place.fog(*arguments)
    assert (code, out, err.count(b"\n")) == (2, b"", 1)
    assert err.startswith(f"fog {arguments[0]}: ".encode())
    assert place.spooled() == []


def test_standard_input(place: Place) -> None:
    """Types of the text format go with their lines; statsd's lines go as they are; totals of histograms are refused."""
    given = b"""# HELP a Help.
# TYPE a counter
a{b="c"} 1
d_total 2
page.views:1|c
# TYPE h histogram
h_bucket{le="1"} 3
\xff
e 5"""
    with place.listening() as receiver:
        code, _, err = place.fog("emit", "-", given=given)
        assert received(receiver) == ['counter a{b="c"} 1', "d_total 2", "page.views:1|c"]
        assert received(receiver) == ["e 5"]
    assert code == 1
    assert [line.partition(b"': ")[2][:9] for line in err.splitlines()] == [b"totals of", b"not UTF-8"]


def test_lines_are_told_as_they_come(place: Place) -> None:
    """A program that goes on writing need not end first; Ctrl-C ends it."""
    with place.listening() as receiver, place.start("emit", "-") as process:
        assert process.stdin is not None
        process.stdin.write(b"a 1\n")
        process.stdin.flush()
        assert received(receiver) == ["a 1"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)
    assert process.returncode == 130


def test_many_lines_are_several_messages(place: Place) -> None:
    """None is longer than 32 kB, and no line is lost."""
    code, _, _ = place.fog("emit", "-", given=b"".join(b'a{b="%d"} 1\n' % i for i in range(5000)))
    assert code == 0
    assert len(place.spooled()) == 5000
    assert all(file.stat().st_size < 33_000 for file in place.spool.iterdir())


def test_a_long_line_is_refused(place: Place) -> None:
    """Without being kept, and the lines around it are told."""
    code, _, err = place.fog("emit", "-", given=b"a 1\n" + b"x" * 300_000 + b"\nb 2\n")
    assert code == 1
    assert b"longer than 8192 bytes" in err
    assert place.spooled() == ["a 1", "b 2"]


@pytest.mark.parametrize("full", ["files", "bytes"])
def test_a_full_spool(place: Place, full: str) -> None:
    """It is dropped with a line, and no failure of the job's."""
    place.spool.mkdir()
    if full == "files":
        for i in range(1000):
            (place.spool / f"{i}.job").touch()
    else:
        (place.spool / "1.job").write_bytes(bytes(1_000_000))
    code, _, err = place.fog("emit", "a", "1")
    assert code == 0
    assert b"is full (1000 files, 1000000 bytes): dropped\n" in err
    assert len(list(place.spool.iterdir())) == (1000 if full == "files" else 1)


def test_with_sync_it_waits_for_the_answer(place: Place) -> None:
    """The agent's word is the exit code; without any, it says that nobody knows."""
    with place.listening() as receiver:
        for answer, expected in ((b"ok", 0), (b"a: too many series", 1)):
            with place.start("emit", "a", "1", "--sync") as process:
                data, sender = receiver.recvfrom(65536)
                assert data.startswith(b"fog1 ")
                assert data.partition(b"\n")[0].endswith(b" sync")
                assert process.poll() is None
                receiver.sendto(answer, sender)
                _, err = process.communicate(timeout=40)
            assert process.returncode == expected
        assert err == b"fog emit: the agent refused: a: too many series\n"
        code, _, err = place.fog("emit", "a", "1", "--sync")
        assert (code, err) == (1, b"fog emit: no answer within 2 s: it may have been counted, or not\n")


def test_options_come_from_a_file_too(place: Place) -> None:
    """By way of the machinery that all commands share; what stands behind -- is the command's."""
    file = place.spool.with_name("fog.toml")
    file.write_text('[run]\nname = "from-a-file"\n')
    assert place.fog("run", "--", "ls", "-d", "/", FOG_CONFIG=str(file))[:2] == (0, b"/\n")
    assert any('job="from-a-file"' in line for line in place.spooled())


def test_nothing_heavy_is_imported() -> None:
    """The way of a job is free of what costs milliseconds."""
    heavy = (
        "argparse",
        "asyncio",
        "collections",
        "dataclasses",
        "enum",
        "json",
        "re",
        "socket",
        "subprocess",
        "typing",
    )
    code = (
        "import os, sys; sys.path[:0] = sys.argv.pop().split(':'); sys.argv[1:] = ['run', '--', 'true']; "
        f"os._exit = lambda _: sys.exit(print([name for name in {heavy!r} if name in sys.modules])); "
        "from fog_cli.jobs.entry import main; main()"
    )
    argv = [sys.executable, "-IS", "-c", code, ":".join(path for path in sys.path if path)]
    assert subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout == b"[]\n"
