"""Tests of the history of the fleet's totals."""
