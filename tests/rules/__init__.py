"""Tests of rule files: the format, the templates, the evaluation; promtool is the judge."""
