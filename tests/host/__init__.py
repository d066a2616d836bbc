"""Tests of the host's metrics."""
