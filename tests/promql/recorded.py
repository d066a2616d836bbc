"""Answers of a Prometheus 2.42, as it wrote them: of queries that need no series."""

from __future__ import annotations

from typing import Final

TIMES: Final = (
    ("1", "0", '{"resultType":"scalar","result":[0,"1"]}'),
    ("1", "1", '{"resultType":"scalar","result":[1,"1"]}'),
    ("1", "1.5", '{"resultType":"scalar","result":[1.5,"1"]}'),
    ("1", "1.01", '{"resultType":"scalar","result":[1.01,"1"]}'),
    ("1", "1.001", '{"resultType":"scalar","result":[1.001,"1"]}'),
    ("1", "1234567890.12", '{"resultType":"scalar","result":[1234567890.12,"1"]}'),
    ("1", "-1.5", '{"resultType":"scalar","result":[-1.5,"1"]}'),
    ("1", "-0.02", '{"resultType":"scalar","result":[-0.02,"1"]}'),
    ('"a"', "1", '{"resultType":"string","result":[1,"a"]}'),
    ('"a"', "1.5", '{"resultType":"string","result":[1.5,"a"]}'),
    ("vector(1)", "1", '{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}'),
    ("vector(1)", "1.5", '{"resultType":"vector","result":[{"metric":{},"value":[1.500,"1"]}]}'),
    ("vector(1)", "1.01", '{"resultType":"vector","result":[{"metric":{},"value":[1.010,"1"]}]}'),
    ("vector(1)", "1.0004", '{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}'),
    ("vector(1)", "-0.02", '{"resultType":"vector","result":[{"metric":{},"value":[-0.020,"1"]}]}'),
    (
        "vector(1)[800ms:300ms]",
        "1.01",
        '{"resultType":"matrix","result":[{"metric":{},"values":[[0.300,"1"],[0.600,"1"],[0.900,"1"]]}]}',
    ),
    (
        "vector(1)[2200ms:700ms]",
        "-0.5",
        '{"resultType":"matrix","result":[{"metric":{},"values":[[-2.100,"1"],[-1.400,"1"],[-0.700,"1"]]}]}',
    ),
)
"""An expression, the moment, and the answer's data: a scalar's and a string's time is written as any number is, a
sample's with none or three decimals."""
