"""Name every bound of the wire. SPEC.md, section 10, lists them with their meaning.

A limit is checked before anything is allocated for what it bounds. At a limit the newcomer is refused,
never a live series evicted.
"""

from __future__ import annotations

from typing import Final

# Paths
MAX_TOKENS: Final = 16
MAX_TOKEN_LENGTH: Final = 64

# Frames
MAX_FRAME_BYTES: Final = 1024 * 1024
"""Longest message a reader looks at: nats-server's default max_payload. A byte of msgpack may cost 72 of memory."""
PAYLOAD_MARGIN: Final = 4096
"""Frames stay this far below the server's max_payload: it counts headers, the client does not."""
MAX_ITEMS: Final = 256
"""Of any array or map outside of definitions: msgpack allocates what a header says, before it reads on."""
MAX_FIELDS: Final = 64
MAX_EPOCH: Final = 2**64 - 1
MAX_SEQ: Final = 2**63 - 1
MAX_PARTS: Final = 65_536
MAX_ID: Final = 2**32 - 1
MAX_WHOLE: Final = 2**63 - 1
"""Largest whole count; a sum that would pass it stays there and is reported."""
MIN_INTERVAL_MS: Final = 100
MAX_INTERVAL_MS: Final = 3_600_000
MAX_AGE_MS: Final = 2**53
MAX_INFO_ENTRIES: Final = 16
MAX_INFO_LENGTH: Final = 256
MAX_PACKED_VALUES: Final = 1_048_576
"""Of a column that is packed tighter than an array: as many as a frame could have in a byte each."""

# Definitions
MAX_DEFINED: Final = 20_000
"""Series that one frame defines, ids that it removes, exponential histograms that it has: a bitmap can name a million
of them in 128 kB."""
MAX_DEFINITIONS: Final = 1024
MAX_LABEL_VALUES: Final = 1024
"""Label values of one definition; a family with more gives several. Small for the same reason as MAX_ITEMS."""
MAX_NAME_LENGTH: Final = 256
MAX_UNIT_LENGTH: Final = 64
MAX_HELP_LENGTH: Final = 1024
MAX_LABELS: Final = 32
MAX_LABEL_VALUE_LENGTH: Final = 1024
MAX_BOUNDS: Final = 256
MAX_EXPONENTIAL_BUCKETS: Final = 160
"""Of one exponential histogram, on both sides of zero together: 144 hold every double at the lowest schema."""
MIN_SCHEMA: Final = -4
MAX_SCHEMA: Final = 8
"""Of an exponential histogram: each bound is 2^(2^-schema) times the one before."""
MAX_ROLLUPS: Final = 8
MAX_VALUE_COUNTS: Final = 256
"""Different values of one gauge whose nodes a rollup counts; the rarest are left out."""

# Events
MAX_EVENTS_PER_FRAME: Final = MAX_ITEMS
MAX_EVENT_BYTES: Final = 16_384
MAX_EVENT_DEPTH: Final = 8
"""How deep an event's value, or one of its metadata, may nest."""
MAX_TIMESTAMP: Final = 253_402_300_799
"""The last second of the year 9999: what calendars of most languages know."""

# Commands
MAX_ID_LENGTH: Final = 64
MAX_COMMENT_LENGTH: Final = 1024
