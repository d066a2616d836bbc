"""PromQL: the fence, the evaluator, and a real Prometheus as its judge."""
