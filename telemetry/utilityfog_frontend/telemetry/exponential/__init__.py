"""Exponential histograms: bounds that nobody chooses, and a merge that is exact. Pure.

`mantissas` has the golden table, `buckets` finds the bucket of a value and the bounds of a bucket, `store` counts,
`value` is a histogram with its arithmetic, and `ladder` shows it with fixed bounds. `schema/SPEC.md` has the same for
every language.
"""
