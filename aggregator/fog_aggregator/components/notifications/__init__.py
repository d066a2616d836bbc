"""Tell receivers of alerts: Alertmanagers, webhooks, NATS and the log."""
