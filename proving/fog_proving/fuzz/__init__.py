"""Fuzz an aggregator: frames into its engine, and questions over HTTP."""
