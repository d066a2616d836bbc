"""Keep what an aggregator holds within bytes: how they are divided, what each thing takes, who is refused."""
