"""Commands to bytes and back, and whatever else may arrive on a control subject."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_schema.commands import FORGET, OPERATORS, SILENCE, UNSILENCE, Command, decode_command, encode_command
from fog_schema.errors import REASONS, FrameError
from fog_schema.subjects import Subjects

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
MATCHERS = st.lists(
    st.tuples(st.integers(0, len(OPERATORS) - 1), st.text(min_size=1, max_size=8), TEXT), min_size=1, max_size=32
)
SILENCES = st.builds(
    Command,
    st.just(SILENCE),
    st.text("abc", min_size=1),
    TEXT,
    TEXT,
    MATCHERS.map(tuple),
    duration=st.integers(1, 10**9),
)
OTHERS = st.builds(Command, st.sampled_from((FORGET, UNSILENCE)), st.just("a"), TEXT, TEXT)


def refusal(data: bytes) -> str | None:
    """Why `data` is refused; None when it is not."""
    try:
        decode_command(data)
    except FrameError as error:
        return error.reason
    return None


@given(SILENCES | OTHERS)
def test_a_command_comes_back_as_it_was(command: Command) -> None:
    """Encoded and decoded, it is the same."""
    assert decode_command(encode_command(command)) == command


@given(
    st.binary(max_size=64)
    | st.builds(
        lambda body: msgpack.packb(("fog", 1, 5, 2, body)),
        st.dictionaries(
            st.integers(0, 9),
            st.recursive(st.none() | st.booleans() | st.integers(-3, 2**60) | TEXT, st.lists, max_leaves=5),
        ),
    )
)
def test_any_bytes_are_a_command_or_a_refusal(data: bytes) -> None:
    """Nothing else is raised, and the reason is one of the wire's."""
    assert refusal(data) in {None, *REASONS}


def test_a_command_that_nobody_would_take_is_not_encoded() -> None:
    """Its author is told."""
    with pytest.raises(FrameError, match="has matchers"):
        encode_command(Command(SILENCE, "a", duration=1))


def test_an_aggregator_of_a_subtree_hears_the_commands_to_the_places_above_it() -> None:
    """A command to the tree concerns every aggregator of the tree."""
    assert Subjects().commands(("fog", "0")) == ["fog.v1.control.fog", "fog.v1.control.fog.0", "fog.v1.control.fog.0.>"]
    assert Subjects().commands() == ["fog.v1.control.>"]
