"""The Prometheus HTTP API under /api/v1: Grafana, promtool and any client of Prometheus can ask."""
