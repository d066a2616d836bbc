"""Tests of the fog command."""
