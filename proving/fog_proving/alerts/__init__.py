"""Histories of alerts: nodes that fall silent, aggregators that restart, and receivers that must hear no lie."""
