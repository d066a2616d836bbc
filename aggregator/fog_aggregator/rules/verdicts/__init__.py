"""Verdicts: true, false or unknown, by whether the nodes behind a number still speak."""
