"""`fog query`: a file or a server, a table or JSON, and exit codes."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from fog_cli.main import run
from fog_testing.ports import free_port
from tests.promql.grammar import LENGTH, START
from tests.promql.prometheus import Prometheus

SAMPLES = """# TYPE x counter
x_total{a="1"} 0 0
x_total{a="1"} 6 60
x_total{a="2"} 1 0.5
x_total{a="2"} stale 30.250
# TYPE y unknown
y -1.5e-7 60
# EOF
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Write a file of samples."""
    path = tmp_path / "samples.txt"
    path.write_text(SAMPLES)
    return str(path)


def test_a_moment_as_a_table(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A series a line."""
    assert run(["query", "--openmetrics", file, "--time", "10", "--", "x_total"], {}) == 0
    assert capsys.readouterr().out == 'x_total{a="1"}  0\nx_total{a="2"}  1\n'


def test_a_moment_as_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The API's data, and nothing else."""
    assert run(["query", "--openmetrics", file, "--time", "60.001", "--json", "--", "y"], {}) == 0
    out, err = capsys.readouterr()
    assert out == '{"resultType":"vector","result":[{"metric":{"__name__":"y"},"value":[60.001,"-1.5e-07"]}]}\n'
    assert err == ""


def test_a_range_as_a_table(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each series with its samples; the stale marker ends one."""
    argv = ["query", "--openmetrics", file, "--start", "0", "--end", "60", "--step", "30s", "--", "x_total"]
    assert run(argv, {}) == 0
    assert capsys.readouterr().out == (
        'x_total{a="1"}\n'
        "  1970-01-01T00:00:00.000Z  0\n"
        "  1970-01-01T00:00:30.000Z  0\n"
        "  1970-01-01T00:01:00.000Z  6\n"
        'x_total{a="2"}\n'
        "  1970-01-01T00:00:30.000Z  1\n"
    )


def test_a_range_as_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Times with milliseconds, as numbers of seconds or RFC 3339."""
    argv = ["query", "--openmetrics", file, "--start", "1970-01-01T00:00:00.500Z", "--end", "1970-01-01T02:00:31+02:00"]
    assert run([*argv, "--step", "30", "--json", "--", 'x_total{a="2"}'], {}) == 0
    assert capsys.readouterr().out == (
        '{"resultType":"matrix","result":[{"metric":{"__name__":"x_total","a":"2"},"values":[[0.500,"1"]]}]}\n'
    )


@pytest.mark.parametrize(
    ("expression", "out"),
    [("1 + 1", "2\n"), ('"a"', "a\n"), ("-y", "{}  1.5e-07\n"), ("none", "")],
)
def test_other_results(expression: str, out: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Scalars and strings alone; the moment is that of the newest sample."""
    run(["query", "--openmetrics", file, "--", expression], {})
    assert capsys.readouterr().out == out


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is no file."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x 3 1\n")))
    assert run(["query", "--openmetrics", "-", "x"], {}) == 0
    assert capsys.readouterr().out == "x  3\n"


def test_labels_cannot_harm_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are shown as escapes in a table."""
    path = tmp_path / "samples.txt"
    path.write_text('x{a="\x1b[31m"} 1 1\n')
    assert run(["query", "--openmetrics", str(path), "x"], {}) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("expression", "code", "kind"),
    [
        ("rate(", 2, "bad_data"),
        ("x_total[0]", 2, "bad_data"),
        ("x_total + on () x_total", 1, "execution"),
        ("topk(NaN, y)", 1, "execution"),
    ],
)
def test_errors(expression: str, code: int, kind: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, or as the API writes them on standard output."""
    argv = ["query", "--openmetrics", file, "--time", "10"]
    assert run([*argv, "--", expression], {}) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"fog query: {kind}: ")
    assert run([*argv, "--json", "--", expression], {}) == code
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert list(said) == ["status", "errorType", "error"]
    assert (said["status"], said["errorType"], err) == ("error", kind, "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--time", "noon"], "--time: 'noon' is no time"),
        (["--time", "2026-11-26T06:00:00"], "--time: '2026-11-26T06:00:00' is no time"),
        (["--time", "nan"], "--time: 'nan' is no time"),
        (["--time", "1", "--start", "1"], "--time is one moment, --start is of a range"),
        (["--start", "1"], "a range has a start, an end and a step: add --end and --step"),
        (["--start", "1", "--end", "2", "--step", "often"], "--step: 'often' is no duration"),
        (["--url", "http://127.0.0.1:1"], "say whom to ask: either --url or --openmetrics"),
    ],
)
def test_misuse(options: list[str], said: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what to write."""
    assert run(["query", "--openmetrics", file, *options, "--", "x"], {}) == 2
    assert capsys.readouterr().err.startswith(f"fog query: {said}")
    assert run(["query", "--openmetrics", file, *options, "--json", "--", "x"], {}) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["errorType"] == "bad_data"
    assert answer["error"].startswith(said)


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with the file and the line."""
    assert run(["query", "--openmetrics", "/nowhere", "x"], {}) == 2
    assert capsys.readouterr().err == "fog query: /nowhere: cannot be read: No such file or directory\n"
    path = tmp_path / "samples.txt"
    path.write_bytes(b"x 1 1\nx 2\n")
    assert run(["query", "--openmetrics", str(path), "x"], {}) == 2
    assert "line 2: the sample has no timestamp" in capsys.readouterr().err
    path.write_bytes(b"\xff")
    assert run(["query", "--openmetrics", str(path), "x"], {}) == 2
    assert "is not UTF-8" in capsys.readouterr().err


class Answering(BaseHTTPRequestHandler):
    """A server that gives the next answer, and keeps what it was asked."""

    answers: ClassVar[list[tuple[int, str]]] = []
    asked: ClassVar[list[tuple[str, dict[str, list[str]]]]] = []

    def do_POST(self) -> None:
        """Answer."""
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append((self.path, parse_qs(form)))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    """Where the answers come from."""
    Answering.answers, Answering.asked = [], []
    http = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


DATA = '{"resultType":"scalar","result":[1.500,"2"]}'


def test_data_of_a_server_is_printed_as_it_is(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Digit by digit; warnings and infos on standard error."""
    Answering.answers = [(200, f'{{"status":"success","data":{DATA},"warnings":["one"],"infos":["two"]}}')]
    assert run(["query", "--url", server, "--json", "--time", "1.5", "--", "2"], {}) == 0
    assert capsys.readouterr() == (f"{DATA}\n", "fog query: one\nfog query: two\n")
    assert Answering.asked == [("/api/v1/query", {"query": ["2"], "time": ["1.500"]})]


@pytest.mark.parametrize(("time", "sent"), [("-1.5", "-1.500"), ("-0.02", "-0.020"), ("-2", "-2.000"), ("0", "0.000")])
def test_moments_before_1970_are_asked_for(time: str, sent: str, server: str) -> None:
    """The sign belongs to the seconds and to the milliseconds."""
    Answering.answers = [(200, f'{{"status":"success","data":{DATA}}}')]
    assert run(["query", "--url", server, f"--time={time}", "2"], {}) == 0
    assert Answering.asked == [("/api/v1/query", {"query": ["2"], "time": [sent]})]


def test_ranges_are_asked_for(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In seconds with milliseconds; a path in front is kept, and other orders of keys are read."""
    Answering.answers = [(200, '{"data":{"resultType":"matrix","result":[]},"status":"success"}')]
    options = ["--url", f"{server}/prom/", "--start", "1", "--end", "2", "--step", "500ms", "--json"]
    assert run(["query", *options, "--", "x"], {}) == 0
    assert capsys.readouterr().out == '{"resultType":"matrix","result":[]}\n'
    assert Answering.asked == [
        ("/prom/api/v1/query_range", {"query": ["x"], "start": ["1.000"], "end": ["2.000"], "step": ["0.500"]})
    ]


def test_the_aggregator_is_asked_without_a_url(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the option that all commands have; without a time the server's now counts."""
    Answering.answers = [(200, f'{{"status":"success","data":{DATA}}}')]
    assert run(["query", "2"], {"FOG_API_URL": server}) == 0
    assert capsys.readouterr().out == "2\n"
    assert Answering.asked == [("/api/v1/query", {"query": ["2"]})]


@pytest.mark.parametrize(("status", "kind", "code"), [(400, "bad_data", 2), (422, "execution", 1), (503, "timeout", 1)])
def test_errors_of_a_server(status: int, kind: str, code: int, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As if they were found here."""
    body = f'{{"status":"error","errorType":"{kind}","error":"no"}}'
    Answering.answers = [(status, body)] * 2
    assert run(["query", "--url", server, "--json", "x"], {}) == code
    assert capsys.readouterr().out == f"{body}\n"
    assert run(["query", "--url", server, "x"], {}) == code
    assert capsys.readouterr().err == f"fog query: {kind}: no\n"


def test_a_server_of_something_else(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told from one that answers."""
    Answering.answers = [(404, "404 page not found")]
    assert run(["query", "--url", server, "x"], {}) == 1
    assert capsys.readouterr().err == f"fog query: {server} is no Prometheus HTTP API: it answers 404 Not Found\n"


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1."""
    address = f"127.0.0.1:{free_port()}"
    assert run(["query", "--url", address, "x"], {}) == 1
    assert capsys.readouterr().err.startswith(f"fog query: nobody answers at http://{address} (")
    assert run(["query", "--url", address, "--json", "x"], {}) == 1
    assert json.loads(capsys.readouterr().out)["errorType"] == "unavailable"


def test_a_real_prometheus(prometheus: Prometheus, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for a vector, a range and an error."""
    moment = str((START + LENGTH) // 1000)
    assert run(["query", "--url", prometheus.url, "--time", moment, "count(load)"], {}) == 0
    assert capsys.readouterr().out == "{}  6\n"
    options = ["--start", str(START // 1000), "--end", moment, "--step", "10m", "--json"]
    assert run(["query", "--url", prometheus.url, *options, "count(load)"], {}) == 0
    assert json.loads(capsys.readouterr().out)["resultType"] == "matrix"
    assert run(["query", "--url", prometheus.url, "rate("], {}) == 2
    assert "parse error" in capsys.readouterr().err
