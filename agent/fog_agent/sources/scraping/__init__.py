"""Scraped endpoints: the metrics of other programs on the node, as they show them to Prometheus."""
