"""Tests of `fog top`."""
