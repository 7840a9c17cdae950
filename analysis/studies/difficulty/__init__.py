"""The study of Evci et al. 2019 (paper 1): `python -m analysis.studies.difficulty`.

`scales` are its sizes, `trainings` the settings of its networks, `solutions` trains
them, `runs` is what it measures, `path_numbers` what it reads off a path, `claims` the
checks, `figures` and `plots` the figures.
"""
