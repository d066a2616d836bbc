"""Metrics that programs with OpenTelemetry's SDK post: OTLP/HTTP with protobuf."""
