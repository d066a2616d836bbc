"""Write collected families as text: pure functions from snapshots to bytes.

`negotiate(accept)` chooses the `Format` that a client asks for; `Format.generate(families)` writes it whole,
`Format.iter(families)` in chunks of about 64 kB.
"""

from .negotiation import Format, negotiate
from .openmetrics import generate_openmetrics, iter_openmetrics
from .text import generate_text, iter_text

__all__ = ["Format", "generate_openmetrics", "generate_text", "iter_openmetrics", "iter_text", "negotiate"]
