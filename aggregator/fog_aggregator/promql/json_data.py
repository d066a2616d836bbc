"""The `data` of the Prometheus HTTP API, as text: joined from prepared strings, far faster than encoding lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.evaluation.matrix import Matrix
from fog_aggregator.promql.formatting import format_plain, format_sample, format_samples, format_time
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.query import (
    Data,
    MatrixResult,
    Result,
    ScalarResult,
    SeriesResult,
    StringResult,
    VectorResult,
)
from fog_aggregator.promql.storage import Floats, Ints

_PLAIN_INTEGERS: Final = 10**15
"""Integers below this one have no exponent in any way of writing."""


def data_json(data: Data) -> str:
    """Write ``{"resultType":…,"result":…}``."""
    return "".join(_data_pieces(data))


def response_json(result: Result) -> str:
    """Write a complete answer of the API."""
    return "".join(response_pieces(result))


def response_pieces(result: Result) -> Iterator[str]:
    """Write a complete answer of the API, a series at a time."""
    yield '{"status":"success","data":'
    yield from _data_pieces(result.data)
    yield notes_json(result.warnings, result.infos) + "}"


def notes_json(warnings: Sequence[str], infos: Sequence[str] = ()) -> str:
    """Write the members of an answer that say how it should be read, each after a comma; nothing for none."""
    return "".join(f',"{name}":{_texts(texts)}' for name, texts in (("warnings", warnings), ("infos", infos)) if texts)


def labels_json(labels: Labels) -> str:
    """Write a label set as an object."""
    return "{" + ",".join(f"{_text(name)}:{_text(value)}" for name, value in labels) + "}"


def error_json(error: QueryError) -> str:
    """Write an error as the API does."""
    return f'{{"status":"error","errorType":{_text(error.error_type)},"error":{_text(str(error))}}}'


def _plain_time(milliseconds: int) -> str:
    """Write the time of a scalar or a string, which Prometheus writes as any number: ``1.5``, not ``1.500``."""
    return format_sample(milliseconds / 1000)


def _data_pieces(data: Data) -> Iterator[str]:
    if isinstance(data, ScalarResult):
        yield f'{{"resultType":"scalar","result":[{_plain_time(data.time)},"{format_plain(data.value)}"]}}'
        return
    if isinstance(data, StringResult):
        yield f'{{"resultType":"string","result":[{_plain_time(data.time)},{_text(data.value)}]}}'
        return
    if isinstance(data, VectorResult):
        name, series = "vector", _samples(data)
    elif isinstance(data, SeriesResult):
        name, series = "matrix", (_series(labels, _prefixes(times), values) for labels, times, values in data.series)
    else:
        name, series = "matrix", _rows(data)
    yield f'{{"resultType":"{name}","result":['
    comma = ""
    for one in series:
        yield comma + one
        comma = ","
    yield "]}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _texts(values: Sequence[str]) -> str:
    return f"[{','.join(map(_text, values))}]"


def _samples(data: VectorResult) -> Iterable[str]:
    time = format_time(data.time)
    for labels, value in zip(data.labels, data.values.tolist(), strict=True):
        yield f'{{"metric":{labels_json(labels)},"value":[{time},"{format_sample(value)}"]}}'


def _prefixes(times: Ints) -> list[str]:
    """Write what comes before each value: the end of the one before it, and its time."""
    return [f'"],[{format_time(time)},"' for time in times.tolist()]


def _series(labels: Labels, prefixes: Sequence[str], values: Floats) -> str:
    """Write one series: what comes before each number and the numbers, in turn."""
    pieces = [""] * (2 * len(prefixes))
    pieces[::2], pieces[1::2] = prefixes, _numbers(values)
    body = "".join(pieces).removeprefix('"],')
    return f'{{"metric":{labels_json(labels)},"values":[{body}"]]}}'


def _numbers(values: Floats) -> list[str]:
    """Write numbers; integers, the most frequent, without asking each."""
    with np.errstate(invalid="ignore"):
        integers = values.astype(np.int64)
    # A negative zero, NaN and what is beyond 64 bits come back as something else.
    same = np.array_equal(integers.astype(np.float64).view(np.int64), np.ascontiguousarray(values).view(np.int64))
    if same and (np.abs(integers) < _PLAIN_INTEGERS).all():
        return list(map(str, integers.tolist()))
    return format_samples(values.tolist())


def _rows(data: MatrixResult) -> Iterable[str]:
    matrix: Matrix = data.matrix
    prefixes = _prefixes(data.steps)
    complete = np.all(matrix.present, axis=1).tolist()
    for row, labels in enumerate(matrix.labels):
        if complete[row]:
            yield _series(labels, prefixes, matrix.values[row])
        else:
            there = np.flatnonzero(matrix.present[row])
            yield _series(labels, [prefixes[step] for step in there.tolist()], matrix.values[row][there])
