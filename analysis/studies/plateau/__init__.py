"""Which part of a network makes the plateau of paper 1's straight lines.

`python -m analysis.studies.plateau` runs it.

`scales` are its networks and sizes, `network` and `data` what they are made of, `runs`
trains and measures them, `claims` are the expectations, `figures` and `plots` the
figure.
"""
