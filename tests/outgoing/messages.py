"""The messages of Prometheus as protobuf's own library knows them: the judge of what is encoded by hand.

The descriptions are those of prompb/remote.proto, prompb/types.proto, prompb/io/prometheus/write/v2/types.proto and
client_model's metrics.proto, as far as they are written here.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KINDS: Final = {
    "double": 1, "int64": 3, "uint64": 4, "int32": 5, "string": 9, "bytes": 12, "uint32": 13, "enum": 14, "sint32": 17,
    "sint64": 18,
}  # fmt: skip
_MESSAGE: Final = 11
_OPTIONAL, _REPEATED = 1, 3

PROMPB: Final = """
WriteRequest: repeated TimeSeries timeseries 1; repeated Metadata metadata 3
Metadata: int32 type 1; string metric_family_name 2; string help 4; string unit 5
TimeSeries: repeated Label labels 1; repeated Sample samples 2; repeated Histogram histograms 4
Label: string name 1; string value 2
Sample: double value 1; int64 timestamp 2
Histogram: oneof uint64 count_int 1; double sum 3; sint32 schema 4; double zero_threshold 5;
    oneof uint64 zero_count_int 6; repeated Span negative_spans 8; repeated sint64 negative_deltas 9;
    repeated Span positive_spans 11; repeated sint64 positive_deltas 12; int64 timestamp 15
Span: sint32 offset 1; uint32 length 2
"""
WRITE_2: Final = """
Request: repeated string symbols 4; repeated TimeSeries timeseries 5
TimeSeries: repeated uint32 labels_refs 1; repeated Sample samples 2; repeated Histogram histograms 3;
    Metadata metadata 5
Sample: double value 1; int64 timestamp 2; int64 start_timestamp 3
Metadata: int32 type 1; uint32 help_ref 3; uint32 unit_ref 4
Histogram: oneof uint64 count_int 1; double sum 3; sint32 schema 4; double zero_threshold 5;
    oneof uint64 zero_count_int 6; repeated Span negative_spans 8; repeated sint64 negative_deltas 9;
    repeated Span positive_spans 11; repeated sint64 positive_deltas 12; int64 timestamp 15; int64 start_timestamp 17
Span: sint32 offset 1; uint32 length 2
"""
CLIENT_MODEL: Final = """
MetricFamily: string name 1; string help 2; int32 type 3; repeated Metric metric 4; string unit 5
Metric: repeated Label label 1; Number gauge 2; Counter counter 3; Histogram histogram 7
Label: string name 1; string value 2
Number: double value 1
Counter: double value 1; Timestamp created_timestamp 3
Timestamp: int64 seconds 1; int32 nanos 2
Exemplar: repeated Label label 1; double value 2; Timestamp timestamp 3
Bucket: uint64 cumulative_count 1; double upper_bound 2; Exemplar exemplar 3
Span: sint32 offset 1; uint32 length 2
Histogram: uint64 sample_count 1; double sample_sum 2; repeated Bucket bucket 3; sint32 schema 5;
    double zero_threshold 6; uint64 zero_count 7; repeated Span negative_span 9; repeated sint64 negative_delta 10;
    repeated Span positive_span 12; repeated sint64 positive_delta 13; Timestamp created_timestamp 15
"""


def messages(package: str, text: str, *, syntax: str = "proto3") -> dict[str, Any]:
    """Return the classes of some messages."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax=syntax)
    lines = text.strip().replace("\n    ", " ").splitlines()
    for line in lines:
        name, _, fields = line.partition(":")
        message = file.message_type.add(name=name)
        for field in fields.split(";"):
            _add(package, message, field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [line.partition(":")[0] for line in lines]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in names}


def _add(package: str, message: Any, words: list[str]) -> None:
    """Add a field: `[repeated|oneof] type name number`."""
    *how, kind, name, number = words
    field = message.field.add(name=name, number=int(number), label=_REPEATED if "repeated" in how else _OPTIONAL)
    if "oneof" in how:
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"{name}_choice")
    if kind in _KINDS:
        field.type = _KINDS[kind]
    else:
        field.type, field.type_name = _MESSAGE, f".{package}.{kind}"


REMOTE: Final = messages("prompb", PROMPB)
REMOTE_2: Final = messages("write_v2", WRITE_2)
SCRAPE: Final = messages("client_model", CLIENT_MODEL, syntax="proto2")
