"""Addresses that may be asked, tokens for them, and expositions that are put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from fog_aggregator.components.below.addresses import find, read_address, read_advertised
from fog_aggregator.components.below.tokens import TokensError, read_tokens
from fog_aggregator.components.http.below.exposition import PartError, merge, read_part
from fog_aggregator.components.http.below.levels import LevelParts
from fog_aggregator.components.http.snapshot import snapshot_chunks
from utilityfog_frontend.telemetry.exposition.negotiation import negotiate
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

BRANCH = ("fog", "0")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://10.0.0.5:10364", "http://10.0.0.5:10364"),
        ("http://Fog.Example.org", "http://fog.example.org:80"),
        ("https://fog.example.org/fog/", "https://fog.example.org:443/fog"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_has_one_form(text: str, address: str) -> None:
    """Letters in lower case, the port, no slash at its end."""
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "fog.example.org", "ftp://fog.example.org", "file:///etc/passwd", "http://", "http://user@host:1",
        "http://host:1?x=1", "http://host:1#x", "http://host:0", "http://host:99999", "http://host:1/../x",
        "http://host:1/a b", "http://ho st", "http://host\\@other", "http://a*b.org", "http://host:1/%2e%2e",
        "http://" + "h" * 300, "http://hÖst", "gopher://host:70/_x", "http://host:1\r\nX: y",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """Also what other programs would read as one: users, queries, way up, control characters."""
    with pytest.raises(ValueError, match="no address"):
        read_address(text)
    assert find(text, ["http://host:1"]) is None


@pytest.mark.parametrize("text", ["http://me:hush@host:1", "http://me:hu/sh@host:1", "me:hush@host"])
def test_a_login_in_an_address_is_refused_and_not_told(text: str) -> None:
    """The message goes into a journal."""
    with pytest.raises(ValueError, match="no address") as refused:
        read_address(text)
    assert "sh@" not in str(refused.value)
    assert "@host" in str(refused.value)


def test_only_allowed_addresses_are_found() -> None:
    """Scheme, host, port and prefix must be equal; a * stands for the first label of a host, and for nothing more."""
    allowed = [read_address(one) for one in ("http://10.0.0.5:10364", "https://*.fog.example.org/fog")]
    assert find("http://10.0.0.5:10364/", allowed) == ("http://10.0.0.5:10364", "http://10.0.0.5:10364")
    for other in ("https://10.0.0.5:10364", "http://10.0.0.5:22", "http://10.0.0.5:10364/x", "http://10.0.0.6:10364"):
        assert find(other, allowed) is None
    found = find("https://b1.fog.example.org/fog", allowed)
    assert found == ("https://b1.fog.example.org:443/fog", "https://*.fog.example.org:443/fog")
    for other in (
        "fog.example.org/fog",
        "a.b.fog.example.org/fog",
        "b1.fog.example.org.evil/fog",
        "b1.fog.example.org",
    ):
        assert find(f"https://{other}", allowed) is None
    assert find("https://*.fog.example.org/fog", allowed) is None, "a branch tells one address"
    with pytest.raises(ValueError, match="several"):
        read_advertised("http://*.example.org")


def test_tokens_are_read_by_address(tmp_path: Path) -> None:
    """A file that others may write to, or a line that is none, is refused; no text has a token."""
    file = tmp_path / "tokens"
    file.write_text("# of the branches\n\nhttp://10.0.0.5:10364 abc#1\nhttps://*.fog.example.org/fog xyz\n")
    assert read_tokens(str(file)) == {"http://10.0.0.5:10364": "abc#1", "https://*.fog.example.org:443/fog": "xyz"}
    for text in ("http://10.0.0.5:10364 sec ret\n", "sesame\n", "nowhere sesame\n"):
        file.write_text(text)
        with pytest.raises(TokensError, match="line 1: write an address and a token") as refused:
            read_tokens(str(file))
        assert not any(word in str(refused.value) for word in ("sec", "ret", "sesame"))
    file.chmod(0o620)
    with pytest.raises(TokensError, match="written by others"):
        read_tokens(str(file))
    with pytest.raises(TokensError, match="cannot be read"):
        read_tokens(str(tmp_path / "none"))


def text_of(*lines: str) -> bytes:
    """Return an exposition of one family."""
    return "\n".join(["# HELP a_total All", "# TYPE a_total counter", *lines, ""]).encode()


GOOD = 'a_total{fog_level="2",fog_path="fog/0/x",z="a \\"b\\", fog_path=\\"fog/9\\""} 3'


def test_a_part_is_read_line_by_line() -> None:
    """A value may have quotes and the names of labels in it; remarks and empty lines are left out."""
    blocks = read_part(text_of(GOOD, "# a remark"), BRANCH, 2)
    assert list(blocks) == ["a_total"]
    assert (blocks["a_total"].type, blocks["a_total"].samples) == ("counter", [GOOD])


@pytest.mark.parametrize(
    "line",
    [
        'a_total{fog_level="2",fog_path="fog/00"} 3',
        'a_total{fog_level="2",fog_path="fog/1/x"} 3',
        'a_total{fog_level="3",fog_path="fog/0/x"} 3',
        'a_total{fog_path="fog/0/x"} 3',
        'a_total{fog_level="2"} 3',
        "a_total 3",
        'a_total{x=",fog_path=",fog_level="2",fog_path="fog/1"} 3',
        'b_total{fog_level="2",fog_path="fog/0/x"} 3',
        'a_total{fog_level="2",fog_path="fog/0/x"} three',
        'a_total{fog_level="2",fog_path="fog/0/x"} 3 4 5',
        'a_total{fog_level="2",fog_path="fog/0/x"}3',
        'a_total{fog_level="2",fog_path="fog/0/\\x"} 3',
        "# TYPE a_total nonsense",
        "# HELP a_total \\x",
    ],
)
def test_a_line_of_others_spoils_a_part(line: str) -> None:
    """It is about another place, another level or another family, or no scraper would read it."""
    with pytest.raises(PartError):
        read_part(text_of(GOOD, line), BRANCH, 2)


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_parts_become_one_exposition(accept: str) -> None:
    """Each family once, with the samples of all; one of another type than ours is left out."""
    wanted = negotiate(accept)

    def family(name: str, kind: MetricType, path: str, value: int) -> FamilySnapshot:
        labels = (("fog_level", "1"), ("fog_path", path))
        return FamilySnapshot(Family(name, kind, "Help"), [SeriesSnapshot(labels, value)])

    own = [family("a_total", MetricType.COUNTER, "fog", 1), family("b", MetricType.GAUGE, "fog", 2)]
    theirs: dict[tuple[str, ...], list[FamilySnapshot]] = {
        ("fog", "0"): [family("a_total", MetricType.COUNTER, "fog/0", 3), family("c", MetricType.GAUGE, "fog/0", 4)],
        ("fog", "1"): [family("d_total", MetricType.COUNTER, "fog/1", 5), family("c", MetricType.GAUGE, "fog/1", 6)],
    }
    parts = {path: read_part(wanted.generate(one), path, 1) for path, one in theirs.items()}
    other = wanted.generate([family("b", MetricType.COUNTER, "fog/2", 1)])
    odd = read_part(other, ("fog", "2"), 1)
    result = merge(
        [wanted.generate([one]).decode() for one in own],
        parts | {("fog", "2"): odd},
        is_openmetrics="openmetrics" in accept,
    )
    every = [*own, *(one for families in theirs.values() for one in families)]
    expected = {line for line in wanted.generate(every).decode().splitlines() if line and not line.startswith("#")}
    lines = "".join(result.text).splitlines()
    shown = [line for line in lines if line and not line.startswith("#")]
    assert (len(shown), set(shown)) == (len(expected), expected)
    names = [line for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == 4
    assert result.left_out == {("fog", "2"): ["b"]}


VALUE = '{"metrics": {"a_total": {"value": %s, "labels": {"fog_level": "1", "fog_path": "%s"%s}, "timestamp": %s}}}'


def _written(families: Iterable[FamilySnapshot]) -> bytes:
    return b"".join(snapshot_chunks(families, 1.0, {"nodes": 2}))


@pytest.mark.parametrize(
    ("value", "more", "timestamp"),
    [
        ("NaN", "", "1"), ("Infinity", "", "1"), ("1e999", "", "1"), ("1", "", "NaN"), ("1", "", "-1e999"),
        ("1", "", '"1"'), ("1", ', "x": 1e999', "1"), ("1", ', "x": [NaN]', "1"),
    ],
)  # fmt: skip
def test_a_number_that_json_does_not_have_spoils_one_snapshot(value: str, more: str, timestamp: str) -> None:
    """The branch is named, and its total stands in for it; the other branch's values are shown."""
    bad, good = VALUE % (value, "fog/0", more, timestamp), VALUE % (2, "fog/1", "", 1.5)
    parts = LevelParts(1, {("fog", "0"): bad.encode(), ("fog", "1"): good.encode()})
    labels = [(("fog_level", "1"), ("fog_path", path)) for path in ("fog/0", "fog/1")]
    own = FamilySnapshot(Family("a_total", MetricType.COUNTER, "Help"), [SeriesSnapshot(one, 7) for one in labels])
    answer = json.loads(parts.snapshot([own], _written))
    assert {one["labels"]["fog_path"]: one["value"] for one in answer["metrics"]["a_total"]} == {"fog/0": 7, "fog/1": 2}
    assert [one["path"] for one in answer["missing"]] == ["fog/0"]
