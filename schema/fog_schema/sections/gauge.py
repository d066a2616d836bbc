"""Gauges: their values, integers while all of them are."""

from __future__ import annotations

from fog_schema.sections.field import ANY, Field, encode_rows, numbers_decoder

FIELDS = (Field(6, "gauges", numbers_decoder(ANY, "gauges"), encode_rows),)
