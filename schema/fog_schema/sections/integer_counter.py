"""Counters whose every increment was an integer: increments in a delta, values in a keyframe."""

from __future__ import annotations

from fog_schema.sections.field import INTEGERS, Field, encode_rows, numbers_decoder

FIELDS = (Field(4, "counters", numbers_decoder(INTEGERS, "counters"), encode_rows),)
