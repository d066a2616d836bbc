"""Check requests of OTLP/HTTP, and make the answers to them. Pure.

Source: OpenTelemetry Protocol 1.5, "OTLP/HTTP Response": a refusal is a `google.rpc.Status` to who speaks protobuf.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from fog_agent.sources.otlp.folding import Outcome
from utilityfog_frontend.telemetry.exposition.wire import block, integer, text

MAX_BODY: Final = 4 * 2**20
"""Bytes of a request, as it comes and as it is unpacked."""
PROTOBUF: Final = "application/x-protobuf"
PLAIN: Final = "text/plain; charset=utf-8"
PATH: Final = "/v1/metrics"
OTHERS: Final = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1development/profiles": "profiles"}


class Answer(NamedTuple):
    """An answer of HTTP.

    Attributes:
        status: its code.
        body: what it says.
        content_type: how that is written.
        headers: others.
    """

    status: int
    body: bytes = b""
    content_type: str = PROTOBUF
    headers: tuple[tuple[str, str], ...] = ()


class RefusalError(Exception):
    """A request that is refused as a whole.

    Attributes:
        status: of the answer.
        reason: one of `fog_agent_source_refused_total`.
        headers: of the answer.
    """

    def __init__(self, status: int, reason: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.headers = tuple(headers.items())


def check_head(method: str, target: str, headers: Mapping[str, str]) -> None:
    """Refuse a request that is not for metrics, by its head alone; names of headers are in lower case.

    Raises:
        RefusalError: says what to do instead.
    """
    path = target.partition("?")[0]
    if path in OTHERS:
        what = OTHERS[path]
        exporter = f"OTEL_{what.upper()}_EXPORTER=none"
        raise RefusalError(
            404, what, f"{what} are not taken here, metrics alone ({PATH}): set {exporter} or send them elsewhere"
        )
    if path != PATH:
        raise RefusalError(404, "path", f"there is nothing here but {PATH}")
    if method != "POST":
        raise RefusalError(405, "method", f"{PATH} takes POST alone", Allow="POST")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != PROTOBUF:
        how = "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        raise RefusalError(415, "content_type", f"{kind or 'no content type'} is not taken, but {PROTOBUF}: set {how}")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "deflate", ""):
        raise RefusalError(415, "content_encoding", f"the encoding {encoding} is not taken, but gzip, deflate and none")


def too_large() -> RefusalError:
    """Return the refusal of a body that is too large."""
    return RefusalError(
        413, "too_large", f"a request has at most {MAX_BODY} bytes, also when it is unpacked: send less at once"
    )


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body as it was before it was packed; no more of it is ever unpacked than is taken.

    Raises:
        RefusalError: It is not packed like that, or is too large.
    """
    if encoding.strip().lower() not in ("gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # of both kinds
    try:
        data = unpacking.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise RefusalError(400, "malformed", f"the body cannot be unpacked: {error}") from None
    if len(data) > MAX_BODY:
        raise too_large()
    if not unpacking.eof or unpacking.unused_data:
        raise RefusalError(400, "malformed", "the body cannot be unpacked: it is cut off, or goes on after its end")
    return data


def taken(outcome: Outcome, sent: int) -> Answer:
    """Answer a request that was taken, at least in part: how many points were not, and why."""
    refused = min(sent, outcome.refused.total())
    message = "; ".join(f"{reason}: {words}" for reason, words in outcome.texts.items())[:1_024]
    partial = integer(1, refused) + text(2, message) if refused or message else b""
    return Answer(200, block(1, partial) if partial else b"")


def refused(refusal: RefusalError, *, speaks_protobuf: bool) -> Answer:
    """Answer a request that was refused as a whole."""
    message = str(refusal)
    if speaks_protobuf:
        code = 14 if refusal.status == 503 else 3  # UNAVAILABLE, INVALID_ARGUMENT
        return Answer(refusal.status, integer(1, code) + text(2, message), PROTOBUF, refusal.headers)
    return Answer(refusal.status, message.encode() + b"\n", PLAIN, refusal.headers)
