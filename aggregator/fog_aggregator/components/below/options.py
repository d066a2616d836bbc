"""The options of questions that are passed on to the aggregators of branches. Without the HTTP client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_aggregator.components.below.addresses import read_addresses
from fog_bus.options import option
from fog_bus.options.kinds import FILE, PATHS, Kind

ADDRESSES: Final = Kind("URL[,URL]", PATHS.parse, unset=())


@dataclass(frozen=True, kw_only=True)
class BelowOptions:
    """Which aggregators of branches are asked, and by which tokens."""

    below_allow: tuple[str, ...] = option(
        (),
        "addresses of branches' aggregators that questions are passed on to; *.example.org is any host there",
        ADDRESSES,
        flag="--below.allow",
        convert=read_addresses,
    )
    below_token_file: str | None = option(
        None, "file of the tokens to log in there, an address and a token a line", FILE, flag="--below.token-file"
    )
