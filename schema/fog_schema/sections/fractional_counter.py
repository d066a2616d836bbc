"""Counters that have had a fractional increment: their values in the epoch, in deltas too."""

from __future__ import annotations

from fog_schema.sections.field import FLOATS, Field, encode_rows, numbers_decoder

FIELDS = (Field(5, "fractions", numbers_decoder(FLOATS, "fractions"), encode_rows),)
