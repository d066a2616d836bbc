"""Gauges of a subtree, merged: on rollup subjects only."""

from __future__ import annotations

from typing import NamedTuple

from fog_schema import limits
from fog_schema.columns import Column, Ids, column_from_wire
from fog_schema.sections.field import ANY, FLOATS, UNSIGNED, Field, check_limit, decode_rows, encode_rows


class Summaries(NamedTuple):
    """Gauges of a subtree, merged: a row for each id.

    `counts` says of how many nodes, at least 1; `sums`, `minima` and `maxima` are of their finite values.
    """

    ids: Ids
    counts: Column
    sums: Column
    minima: Column
    maxima: Column


class Lasts(NamedTuple):
    """For some summaries, the newest value: that of the node heard last, at `times` (server's unix seconds)."""

    ids: Ids
    values: Column
    times: Column


class ValueCounts(NamedTuple):
    """For some summaries, how many nodes have which value.

    `lengths` has the number of different values of each id; `values` and `counts` have so many for each, id by id.
    """

    ids: Ids
    lengths: Column
    values: Column
    counts: Column


def decode_summaries(value: object) -> Summaries:
    """Check ids and four columns."""
    ids, columns = decode_rows(value, 5, "summaries")
    counts = column_from_wire(columns[0], UNSIGNED, ids.size, "counts of summaries")
    sums, minima, maxima = [column_from_wire(column, ANY, ids.size, "summaries") for column in columns[1:]]
    return Summaries(ids, counts, sums, minima, maxima)


def decode_lasts(value: object) -> Lasts:
    """Check ids, values and times."""
    ids, columns = decode_rows(value, 3, "lasts")
    values = column_from_wire(columns[0], ANY, ids.size, "lasts")
    return Lasts(ids, values, column_from_wire(columns[1], FLOATS, ids.size, "times of lasts"))


def encode_value_counts(counted: ValueCounts | None) -> object | None:
    """Encode the counts by value, if there are any."""
    if counted is not None:
        longest = max(counted.lengths.tolist(), default=0)
        check_limit(int(longest), limits.MAX_VALUE_COUNTS, "values of one gauge")
    return encode_rows(counted)


def decode_value_counts(value: object) -> ValueCounts:
    """Check ids and lengths, and that there are as many values and counts as the lengths say."""
    ids, columns = decode_rows(value, 4, "value counts")
    lengths = column_from_wire(columns[0], UNSIGNED, ids.size, "lengths of value counts")
    total = 0
    for length in lengths.tolist():
        check_limit(int(length), limits.MAX_VALUE_COUNTS, "values of one gauge")
        total += int(length)
    values = column_from_wire(columns[1], ANY, total, "values of value counts")
    counts = column_from_wire(columns[2], UNSIGNED, total, "counts of value counts")
    return ValueCounts(ids, lengths, values, counts)


FIELDS = (
    Field(10, "summaries", decode_summaries, encode_rows),
    Field(11, "lasts", decode_lasts, encode_rows),
    Field(12, "value_counts", decode_value_counts, encode_value_counts),
)
