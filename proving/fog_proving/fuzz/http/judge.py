"""Judge answers over HTTP: no fault of ours, as described, and nothing that a login must not see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fog_proving.fuzz.http.fog import SIBLING, Answer
from fog_proving.fuzz.http.questions import Asked
from fog_proving.fuzz.http.schema import Checker


def wrong_with(document: Mapping[str, Any], login: str, asked: Asked, answer: Answer) -> str:
    """Return what is wrong with an answer; empty where it is as it must be."""
    responses = document["paths"][asked.route][asked.method.lower()]["responses"]
    if str(answer.status) not in responses:
        return f"status {answer.status} is not described"
    content = responses[str(answer.status)]["content"]
    media = answer.headers.get("Content-Type", "").partition(";")[0]
    if media not in content:
        return f"{media!r} is not described for status {answer.status}"
    if login != "all" and SIBLING in answer.everything and not asked.names_a_sibling():
        return "it has a name that only another place has"
    if media == "application/json":
        try:
            Checker(document["components"]["schemas"]).check(json.loads(answer.text), content[media]["schema"])
        except (AssertionError, ValueError) as error:
            return f"its body is not as described: {error}"
    return ""
