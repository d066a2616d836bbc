"""Answer questions about places below a branch by the branch's own aggregator."""
