"""The file of receivers: what it may have, and what is said of one that cannot be used."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from fog_aggregator.components.outgoing.client import make_tls, read_login
from fog_aggregator.components.outgoing.outgoing import read_receivers
from fog_aggregator.history.step import WHOLE
from fog_aggregator.outgoing.receivers import Protocol, ReceiversError, parse_receivers
from fog_aggregator.promql.labels import Matcher, MatchKind

PAGE: Final = (Path(__file__).parents[2] / "docs" / "outgoing.md").read_text("utf-8")
ONE: Final = '[[receiver]]\nname = "r"\nurl = "https://r.example/w"\n'


def test_the_example_of_the_page_is_one() -> None:
    """docs/outgoing.md shows a file that can be used, and names every key."""
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    mimir, collector = parse_receivers(example, "page")
    assert mimir.choice.levels == (WHOLE, 1)
    pattern = Matcher(MatchKind.REGEX, "__name__", "orders_.*|took_seconds_.*")
    assert mimir.choice.selectors == ((pattern,),)
    assert mimir.choice.labels == (("cluster", "north"),)
    assert (collector.protocol, collector.requests, collector.max_age) == (Protocol.OTLP, 4, 3000.0)
    with pytest.raises(ReceiversError, match="the key 'x' is not known") as told:
        parse_receivers(ONE + "x = 1", "f")
    for key in str(told.value).rpartition("there are ")[2].split(", "):
        assert f"`{key}`" in PAGE


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('url = "ftp://r"', "url: it is no address"),
        ('url = "https://u:s3cret@r/w"', "leave the login out of the address"),
        ('name = "a b"', "write 1 to 64"),
        ('protocol = "graphite"', "write one of remote-write, remote-write-2, otlp"),
        ("levels = [99]", "99 is no level"),
        ("levels = []", "write a list of levels"),
        ("match = ['{a=~\"(\"}']", "match:"),
        ("match = ['rate(a[5m])']", "no plain selector"),
        ("match = ['a offset 5m']", "no plain selector"),
        ('labels = {"a-b" = "c"}', "is no label"),
        ('labels = {le = "1"}', "the label le is set by the aggregator itself"),
        ('labels = {fog_path = "a/b"}', "the label fog_path is set"),
        ('headers = {Authorization = "x"}', "set by the aggregator itself"),
        ('headers = {X = "a\\nb"}', "no header, or its value"),
        ("requests = 0", "from 1 to 50"),
        ('max_age = "soon"', "is no duration"),
        (f'max_age = "{"9" * 5000}h"', "is no duration"),
        ('max_age = "0s"', "0s is out of bounds: write 1s to 44640m"),
        ('max_age = "745h"', "out of bounds"),
        ('timeout = "11m"', "11m is out of bounds: write 1s to 10m"),
        ("end_at_stop = 1", "true or false"),
        ('username = "u"', "username and password_file go together"),
        ('token_file = "t"\nusername = "u"\npassword_file = "p"', "not both"),
        ('cert_file = "c"', "cert_file and key_file go together"),
        ('ca_file = "c"\nurl = "http://r"', "https:// alone"),
        ("token_file = 7", "token_file: must be text"),
        ("[other]", "nothing beside them"),
    ],
)
def test_what_cannot_be_used_is_said(line: str, words: str) -> None:
    """With the file, the receiver and the key; a secret in an address is not shown."""
    key = line.partition(" ")[0]
    text = "".join(one for one in ONE.splitlines(keepends=True) if not one.startswith(f"{key} ")) + line
    if "\nurl = " in line:
        text = text.replace('url = "https://r.example/w"\n', "")
    with pytest.raises(ReceiversError, match=re.escape(words)) as told:
        parse_receivers(text, "file.toml")
    assert "file.toml" in str(told.value)
    assert "s3cret" not in str(told.value)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """One that is not there, is no TOML, has two of a name, or none; certificates; a login that comes later."""
    with pytest.raises(ReceiversError, match="cannot be read"):
        read_receivers(str(tmp_path / "none"))
    assert read_receivers("") == parse_receivers("receiver = []", "file") == ()
    for text, words in (("[[", "file"), ("", "receiver = [] for none"), (ONE + ONE, "two receivers are called 'r'")):
        with pytest.raises(ReceiversError, match=re.escape(words)):
            parse_receivers(text, "file")
    [one] = parse_receivers(ONE + f'ca_file = "{tmp_path / "ca"}"', "file")
    with pytest.raises(ReceiversError, match="No such file"):
        make_tls(one)
    token = tmp_path / "token"
    [one] = parse_receivers(ONE + f'token_file = "{token}"', "file")
    assert "cannot be read" in read_login(one).problem
    token.write_text("s3cret\n")
    assert read_login(one).header == "Bearer s3cret"
    nul = replace(one, access=replace(one.access, token_file="a\0b"))
    assert "cannot be read" in read_login(nul).problem
    [one] = parse_receivers(ONE + f'username = "u"\npassword_file = "{token}"', "file")
    assert read_login(one).header == "Basic dTpzM2NyZXQ="
