"""Rules: Prometheus' rule files, their evaluation, and alerts that do not lie. Pure."""
