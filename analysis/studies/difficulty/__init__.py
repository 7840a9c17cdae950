"""The study of Evci et al. 2019 (paper 1): `python -m analysis.studies.difficulty`.

`scales` are its sizes, `solutions` the networks it trains, `runs` what it measures,
`path_numbers` what it reads off a path, `claims` the checks, `figures` and `plots` the
figures.
"""
