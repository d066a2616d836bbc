"""Metrics that are counted elsewhere and only read here: another library's registry, the host's counters."""
