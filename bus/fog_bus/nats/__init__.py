"""The adapter for NATS and JetStream. All knowledge of nats-py's traps lies in this folder."""
