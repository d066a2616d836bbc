"""The adapter for NATS and JetStream. All knowledge of nats-py's traps lies in this folder."""

from fog_bus.nats.light import import_websockets_late

import_websockets_late()
