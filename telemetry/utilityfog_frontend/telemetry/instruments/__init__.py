"""Instruments that programs write to, and the series behind. Import them from `utilityfog_frontend.telemetry`."""
