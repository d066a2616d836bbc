"""Drains a collector into frames and publishes them to NATS."""
