"""What programs write to, and the series behind it. Import them from `utilityfog_frontend.telemetry`."""
