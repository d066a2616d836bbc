"""Metrics of OpenTelemetry that programs post to a node."""
