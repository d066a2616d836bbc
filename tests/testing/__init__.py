"""Tests of fog_testing, what tests are made of."""
