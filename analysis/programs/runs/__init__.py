"""The table of runs: what `analysis.runs` is made of."""
