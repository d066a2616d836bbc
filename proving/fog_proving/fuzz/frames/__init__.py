"""Attacks on an engine: messages that one hostile path may send, between those of healthy nodes."""
