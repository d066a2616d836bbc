"""The places of a tree: a `Node`, whose epochs add up, and a `Branch`, whose epochs are replicas of one truth."""
