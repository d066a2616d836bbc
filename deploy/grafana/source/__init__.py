"""The source of the Grafana dashboards: ``python -m deploy.grafana.source`` writes them beside it."""
