"""Choose whether kernels or numpy merge frames in histories, as the variable of an aggregator's option says."""

from __future__ import annotations

import os

from fog_aggregator.kernels.choice import Choice, parse_choice
from fog_aggregator.kernels.load import load

KERNELS = load(parse_choice(os.environ.get("FOG_KERNELS", Choice.AUTO)))
"""The kernels of all aggregators; None for numpy."""
