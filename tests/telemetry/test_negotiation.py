"""Which format a scraper gets for what it asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilityfog_frontend.telemetry.exposition import iter_openmetrics, iter_text, negotiate

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
NATIVE_3 = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
    "escaping=allow-utf-8;q=0.7,"
)
NATIVE = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/*", TEXT),
        ("text/plain", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("application/json", TEXT),
        (PROMETHEUS_2, OPENMETRICS + "underscores"),
        (PROMETHEUS_3, OPENMETRICS + "allow-utf-8"),
        (NATIVE + PROMETHEUS_3, PROTOBUF),
        (NATIVE_3 + PROMETHEUS_3, PROTOBUF),
        (PROTOBUF + ";q=0.1,text/plain;q=0.2", TEXT),
        ("application/*", OPENMETRICS + "underscores"),
        # Of protobuf there is one message, and one way to tell where it ends.
        ("application/vnd.google.protobuf", TEXT),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT),
        ("application/vnd.google.protobuf;proto=other;encoding=delimited,*/*;q=0.1", TEXT),
        # By q, then by order.
        (
            "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.6",
            OPENMETRICS + "underscores",
        ),
        ("text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0", TEXT),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.2", TEXT),
        # Version and escaping are echoed.
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
        ("text/plain; version=1.0.0; escaping=dots", "text/plain; version=1.0.0; charset=utf-8; escaping=dots"),
        ('Text/Plain; Version="1.0.0"; Escaping=VALUES', "text/plain; version=1.0.0; charset=utf-8; escaping=values"),
        (
            "text/plain;version=1.0.0;escaping=nonsense",
            "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        ("text/plain;version=0.0.4;escaping=dots", TEXT),
        ("application/openmetrics-text", OPENMETRICS + "underscores"),
        ("application/openmetrics-text;version=0.0.1", "application/openmetrics-text; version=0.0.1; charset=utf-8"),
        # A format that is not available is passed over.
        ("text/plain;version=9.9,application/openmetrics-text;q=0.1", OPENMETRICS + "underscores"),
        # q=0 refuses, also what a wildcard would allow.
        ("text/plain;q=0,*/*", OPENMETRICS + "underscores"),
        ("application/openmetrics-text;q=0,*/*", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("text/plain;q=0,application/openmetrics-text;q=0,*/*;q=0.1", TEXT),
        # Nonsense refuses itself.
        ("application/openmetrics-text;q=x", TEXT),
        (";;,=,;q=,", TEXT),
    ],
)
def test_negotiation(accept: str, content_type: str) -> None:
    """By q, then by order; a refusal is heeded; there is always an answer that every Prometheus knows."""
    assert negotiate(accept).content_type == content_type


def test_the_writer_fits_the_content_type() -> None:
    """The announced format is the one that is written."""
    assert negotiate(PROMETHEUS_3).iter is iter_openmetrics
    assert negotiate("").iter is iter_text
    assert negotiate("text/plain;version=1.0.0").iter is iter_text


@given(st.text())
def test_no_header_is_an_error(accept: str) -> None:
    """Whatever a client sends."""
    assert negotiate(accept).content_type
