"""The shipped configurations of nats-server: each user against each other's rights."""
