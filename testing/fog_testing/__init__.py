"""Helpers for tests against a real nats-server and a small fog: for ours and for yours."""
