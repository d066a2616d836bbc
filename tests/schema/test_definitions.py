"""Definitions: what an id stands for."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_schema.codec import decode_definitions, encode_definitions
from fog_schema.columns import BITMAP, U8, Ids, pack_ids
from fog_schema.errors import FrameError
from fog_schema.frames import COUNTER, GAUGE, HISTOGRAM, Definition
from fog_schema.limits import MAX_DEFINED, MAX_DEFINITIONS, MAX_LABEL_VALUES
from tests import strategies


def entry(**changes: Any) -> list[Any]:
    """Return a definition as it travels, with some fields changed."""
    fields = {
        "name": "requests_total",
        "type": COUNTER,
        "unit": "",
        "help": "",
        "bounds": b"",
        "rollup": [],
        "labels": ["route"],
        "ids": [U8, 0, b"\0"],
        "values": ["/"],
    }
    return list((fields | changes).values())


def one(**changes: Any) -> Definition:
    """Decode a single definition."""
    [definition] = decode_definitions(msgpack.packb([entry(**changes)]))
    return definition


@given(st.lists(strategies.definitions(), max_size=4))
def test_definitions_survive(definitions: list[Definition]) -> None:
    """encode_definitions and decode_definitions are inverse, and each id has its labels."""
    decoded = decode_definitions(encode_definitions(definitions))
    assert decoded == definitions
    for definition in decoded:
        series = definition.series()
        assert [number for number, _ in series] == definition.ids.tolist()
        assert all(tuple(name for name, _ in labels) == definition.label_names for _, labels in series)
        assert tuple(value for _, labels in series for _, value in labels) == definition.label_values


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "definition"),
        ({"name": "0abc"}, "definition"),
        ({"name": "a\n"}, "definition"),
        ({"name": "a" * 257}, "definition"),
        ({"type": True}, "definition"),
        ({"type": 3}, "definition"),
        ({"unit": "seconds"}, "definition"),  # requests_total does not end so: OpenMetrics would not have it
        ({"name": "x_" + "u" * 65, "unit": "u" * 65}, "limit"),
        ({"help": "h" * 1025}, "limit"),
        ({"bounds": bytes(8)}, "definition"),  # of a counter
        ({"type": HISTOGRAM, "bounds": bytes(16)}, "definition"),  # 0, 0: not ascending
        ({"type": HISTOGRAM, "bounds": bytes(7)}, "definition"),
        ({"type": HISTOGRAM, "bounds": bytes.fromhex("000000000000f07f")}, "definition"),  # infinite
        ({"type": HISTOGRAM, "bounds": bytes(8 * 257)}, "definition"),
        ({"type": HISTOGRAM, "bounds": [1.0]}, "definition"),
        ({"type": HISTOGRAM, "labels": ["le"]}, "definition"),
        ({"rollup": ["median"]}, "definition"),
        ({"rollup": [["sum"]]}, "definition"),  # cannot be hashed
        ({"rollup": ["sum"] * 9}, "definition"),
        ({"labels": ["__name__"]}, "definition"),
        ({"labels": ["a b"]}, "definition"),
        ({"labels": [1]}, "definition"),
        ({"labels": ["a", "a"], "values": ["", ""]}, "definition"),
        ({"labels": [f"l{number}" for number in range(33)]}, "definition"),
        ({"values": []}, "definition"),
        ({"values": [1]}, "definition"),
        ({"values": ["x" * 1025]}, "limit"),
        ({"ids": [U8, 0, b"\1\0"]}, "ids"),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, Any], reason: str) -> None:
    """Names, labels, bounds and types that no exposition could show, and what is over a limit."""
    with pytest.raises(FrameError) as refused:
        one(**changes)
    assert refused.value.reason == reason


def test_what_is_not_refused() -> None:
    """The same entry as above without a fault; a unit before _total; le on what is no histogram."""
    assert one().series() == [(0, (("route", "/"),))]
    assert one(name="waited_seconds_total", unit="seconds").unit == "seconds"
    assert one(type=GAUGE, labels=["le"]).label_names == ("le",)


def test_nested_data_does_not_raise_from_its_own_repr() -> None:
    """A nest deeper than Python's recursion limit, where a label, a rollup or a value should be."""
    nest = b"\x91" * 1000 + b"\x01"
    for place in range(9):
        fields = [msgpack.packb(field) for field in entry()]
        fields[place] = nest
        with pytest.raises(FrameError):
            decode_definitions(b"\x91\x99" + b"".join(fields))


def test_a_few_bytes_cannot_define_millions() -> None:
    """A bitmap of ones names eight series a byte: their number is checked before anything is made of them."""
    bitmap = [BITMAP, 0, b"\xff" * (MAX_DEFINED // 8 + 1)]
    with pytest.raises(FrameError) as refused:
        one(labels=[], values=[], ids=bitmap)
    assert refused.value.reason == "limit"


@pytest.mark.parametrize(
    "definitions",
    [
        [Definition("a", COUNTER, "", "", (), (), (), pack_ids([0]), ())] * (MAX_DEFINITIONS + 1),
        [Definition("a", COUNTER, "", "", (), (), (), Ids(BITMAP, 0, b"\xff" * (MAX_DEFINED // 8 + 1)), ())],
    ],
)
def test_a_writer_is_told_before_readers_would_refuse(definitions: list[Definition]) -> None:
    """More definitions, or more series, than one frame may have are not packed."""
    with pytest.raises(FrameError) as refused:
        encode_definitions(definitions)
    assert refused.value.reason == "limit"


def test_label_values_have_a_limit() -> None:
    """One definition has at most MAX_LABEL_VALUES."""
    number = MAX_LABEL_VALUES + 1
    with pytest.raises(FrameError):
        one(ids=list(pack_ids(range(number))), values=[""] * number)
