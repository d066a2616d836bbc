"""Find the branches that no aggregator reads, beside the way of messages."""
