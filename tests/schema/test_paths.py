"""Paths, templates and subjects: the tree is the address."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_schema.errors import PathError
from fog_schema.limits import MAX_TOKEN_LENGTH, MAX_TOKENS
from fog_schema.paths import Path, ancestors, expand_template, fill_template, format_path, is_under, parse_path
from fog_schema.subjects import Subjects
from tests import strategies

SUBJECTS = Subjects()


def no_host() -> str:
    """Return a host name that must not be asked for."""
    raise AssertionError


@given(strategies.paths)
def test_paths_survive(path: Path) -> None:
    """As text for people, and as a subject on the bus."""
    assert parse_path(format_path(path)) == parse_path(f"/{format_path(path)}/") == path
    assert SUBJECTS.path_of(SUBJECTS.metrics(path)) == ("metrics", path)
    assert SUBJECTS.path_of(SUBJECTS.events(path)) == ("events", path)


@given(st.text())
def test_any_text_is_a_path_or_an_error(text: str) -> None:
    """Whatever is written, a path has only tokens that are subjects, names of files and parts of URLs."""
    try:
        path = parse_path(text)
    except PathError:
        return
    assert 1 <= len(path) <= MAX_TOKENS
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", token) for token in path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty path"),
        ("/", "empty path"),
        ("fog//0", "token 2 is empty"),
        ("fog/a b", "'a b'"),
        ("fog/*", "'*'"),
        ("fog/>", "'>'"),
        ("fog/a.b", "'a.b'"),
        ("~retired/0", "'~retired'"),
        ("fog/0\n", "'0\\n'"),
        ("fog/ä", "'ä'"),
        (f"fog/{'x' * (MAX_TOKEN_LENGTH + 1)}", "token 2"),
        ("/".join("x" * (MAX_TOKENS + 1)), "17 tokens"),
    ],
)
def test_refusals_say_which_token(text: str, says: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(PathError, match=re.escape(says)):
        parse_path(text)


@given(strategies.paths)
def test_a_subtree_is_two_filters(path: Path) -> None:
    """The filters of a path match itself and what is below it, and nothing beside it."""
    beside = (*path[:-1], path[-1] + "x")[:MAX_TOKENS]
    exact, below = SUBJECTS.subtree("metrics", path)
    assert exact == SUBJECTS.metrics(path)
    assert below == SUBJECTS.metrics(path) + ".>"
    assert not SUBJECTS.metrics(beside).startswith(below.removesuffix(">"))
    assert is_under((*path, "child"), path)
    assert not is_under(beside, path) or beside == path
    assert SUBJECTS.subtree("metrics") == ["fog.v1.metrics.>"]


def test_an_agent_listens_on_its_path_and_above() -> None:
    """A request to any ancestor reaches it; one to a sibling does not."""
    assert ancestors(("fog", "0", "3")) == [("fog",), ("fog", "0"), ("fog", "0", "3")]
    assert SUBJECTS.asks(("fog", "0")) == ["fog.v1.resync.fog", "fog.v1.resync.fog.0"]
    assert SUBJECTS.listens(("fog", "0")) == ["fog.v1.resync.fog", "fog.v1.resync.fog.*"], "one of all its siblings"
    assert SUBJECTS.listens(("fog",)) == ["fog.v1.resync.fog"]


@pytest.mark.parametrize(
    "subject", ["fog.v1.metrics", "fog.v2.metrics.fog", "fog.v1.metrics.fog..0", "fog.v1.metrics.~retired", "x", ""]
)
def test_other_subjects_are_refused(subject: str) -> None:
    """Not under the prefix, or no path at the end."""
    with pytest.raises(PathError):
        SUBJECTS.path_of(subject)


@pytest.mark.parametrize("prefix", ["", ".", "fog.", "fog..v1", "fog.*", "fog.>", "fog v1", "$JS.API"])
def test_other_prefixes_are_refused(prefix: str) -> None:
    """A prefix is tokens joined by dots."""
    with pytest.raises(PathError):
        Subjects(prefix)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("fog/${RACK}/${HOSTNAME}", ("fog", "r1", "node-7-example-org")),
        ("fog/$RACK/x", ("fog", "r1", "x")),
        ("fog/rack-${RACK}", ("fog", "rack-r1")),
        ("fog/${SLASHED}", ("fog", "a-b--c")),
        ("fog/${LONG}", ("fog", "x" * MAX_TOKEN_LENGTH)),
        ("fog/0", ("fog", "0")),
    ],
)
def test_templates_are_filled_in(template: str, path: Path) -> None:
    """One variable is one token: what a token may not have becomes a dash."""
    environ = {"RACK": "r1", "SLASHED": "a/b..c", "LONG": "x" * 100}
    assert expand_template(template, environ, lambda: "node-7.example.org") == path


def test_the_environment_knows_the_host_better() -> None:
    """HOSTNAME from the environment, as Kubernetes sets it, wins over the host's own answer."""
    assert expand_template("fog/$HOSTNAME", {"HOSTNAME": "pod-1"}, no_host) == ("fog", "pod-1")


def test_an_inbox_is_filled_as_a_path_is() -> None:
    """So that both have the same tokens, whatever a machine is called."""
    environ = {"RACK": "a/b", "HOSTNAME": "ip-10-0-0-1.ec2.internal"}
    inbox = fill_template("_INBOX_AGENT.fog.${RACK}.${HOSTNAME}", environ, no_host)
    assert inbox.split(".")[1:] == list(expand_template("fog/${RACK}/${HOSTNAME}", environ, no_host))


@pytest.mark.parametrize("template", ["fog/${UNSET}", "fog/${EMPTY}", "fog/$", "fog/$$x", "fog/${RACK", "fog/$-"])
def test_templates_that_cannot_be_filled_in_are_refused(template: str) -> None:
    """A variable without a value must not make two nodes one."""
    with pytest.raises(PathError):
        expand_template(template, {"EMPTY": "", "RACK": "r1"}, no_host)


@given(st.text(), st.dictionaries(st.text(), st.text()), st.text())
def test_any_template_is_a_path_or_an_error(template: str, environ: dict[str, str], host: str) -> None:
    """Whatever stands in a template, in the environment and in the host's name."""
    try:
        path = expand_template(template, environ, lambda: host)
    except PathError:
        return
    assert parse_path(format_path(path)) == path
