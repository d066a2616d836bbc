"""The golden files of schema/vectors: what any implementation must read, and refuse. Never regenerated here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fog_schema.codec import decode, decode_request, encode, encode_request
from fog_schema.commands import decode_command, encode_command
from fog_schema.definitions import definitions_of
from fog_schema.errors import REASONS, FrameError
from tests.schema.annotated import annotate, describe, describe_command, parse_hex

VECTORS = Path(__file__).parents[2] / "schema" / "vectors"
VALID = {file.stem: file for file in sorted(VECTORS.glob("valid/*.hex"))}
INVALID = {file.stem: file for file in sorted(VECTORS.glob("invalid/*.hex"))}
NOT_OURS = {"command_unknown_fields", "unknown_fields", "wide_integers"}
"""Valid, but not as our encoder would write them."""


def whole_frame(data: bytes) -> object:
    """Decode a frame with its definitions."""
    return definitions_of(decode(data))


def test_nothing_is_missing() -> None:
    """Every valid vector has its meaning, every reason of a refusal its vector."""
    assert sorted(VALID) == sorted(file.stem for file in VECTORS.glob("valid/*.json"))
    assert {file.read_text("utf-8").split()[2] for file in INVALID.values()} == set(REASONS)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_vector_means_what_it_says(name: str) -> None:
    """Decoded, it is the JSON beside it; encoded again, it is the same bytes; its comments are true."""
    text = VALID[name].read_text("utf-8")
    data = parse_hex(text)
    assert annotate(data) == text
    meaning = json.loads(VALID[name].with_suffix(".json").read_text("utf-8"))
    assert meaning.pop("about")
    if meaning["kind"] == "request":
        request = decode_request(data)
        assert encode_request(request) == data
        assert meaning == {
            "kind": "request",
            "epoch": f"{request.epoch:016x}",
            "first_event": request.first_event,
            "last_event": request.last_event,
        } | ({"notices": request.notices} if request.notices else {})
        return
    if meaning["kind"] == "command":
        command = decode_command(data)
        assert describe_command(command) == meaning
        assert (encode_command(command) == data) == (name not in NOT_OURS)
        return
    frame = decode(data)
    assert describe(frame) == meaning
    assert (encode(frame) == data) == (name not in NOT_OURS)


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_vector_is_refused_for_its_reason(name: str) -> None:
    """The first line of the file names it."""
    text = INVALID[name].read_text("utf-8")
    head, _, reason = text.splitlines()[0].rpartition(" ")
    assert head == "# reason:"
    read = decode_command if name.startswith("command_") else whole_frame
    with pytest.raises(FrameError) as refused:
        read(parse_hex(text))
    assert refused.value.reason == reason
