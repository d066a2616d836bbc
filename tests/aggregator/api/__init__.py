"""The Prometheus HTTP API of an aggregator, asked as its clients ask it."""
