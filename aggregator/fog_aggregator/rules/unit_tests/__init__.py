"""Unit tests of rules in promtool's format, run on the product's own evaluation. Pure."""

from fog_aggregator.rules.unit_tests.model import UnitTest, UnitTestFile
from fog_aggregator.rules.unit_tests.read import read_unit_tests
from fog_aggregator.rules.unit_tests.run import run_unit_test

__all__ = ["UnitTest", "UnitTestFile", "read_unit_tests", "run_unit_test"]
