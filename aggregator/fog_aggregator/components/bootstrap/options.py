"""The option of beginning with another aggregator's checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from fog_aggregator.components.below.addresses import read_addresses
from fog_aggregator.components.below.options import ADDRESSES
from fog_aggregator.components.notifications.options import is_http
from fog_bus.options import option
from fog_bus.options.kinds import FILE, Kind, hides_login, redact


def _url(value: object) -> str:
    text = str(value).strip()
    if text and (not is_http(text) or hides_login(text)):
        raise ValueError(
            "is not an address: write http://HOST:10364, or https://NAME:TOKEN@HOST/PREFIX (%23 for #, %2F for /)"
        )
    return text


PEER: Final = Kind("URL", _url, lambda url: json.dumps(redact(url)))
"""The address of an aggregator, maybe with a login, which is never shown."""


@dataclass(frozen=True, kw_only=True)
class BootstrapOptions:
    """Where a checkpoint is taken from by an aggregator that has none."""

    bootstrap: str = option(
        "", "the other aggregator of the pair: without a checkpoint of its own, this one begins with its newest", PEER
    )
    bootstrap_allow: tuple[str, ...] = option(
        (),
        "addresses at which the other one may be asked, where its rollup tells one; *.example.org is any host there",
        ADDRESSES,
        flag="--bootstrap.allow",
        convert=read_addresses,
    )
    bootstrap_token_file: str | None = option(
        None, "file of the tokens to log in there, an address and a token a line", FILE, flag="--bootstrap.token-file"
    )
