"""Notifications of alerts, pure: what is owed to each receiver, when it is due, and what it is told."""
