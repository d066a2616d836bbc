"""Alerts beyond their life cycle: flapping, pairs of aggregators, notices, and how all of it is saved."""
