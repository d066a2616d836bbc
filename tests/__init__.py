"""Tests of UtilityFog telemetry."""
