"""Histograms as arrays: `bounds` merges fixed ones, `rows` exponential ones, `ladder` shows these with bounds."""
