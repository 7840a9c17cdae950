"""Sparse solutions inside and outside of their mask.

`python -m analysis.studies.subspace` runs it.

`scales` are its sizes, `runs` what it measures with `curvature` at the points of
`descent` (`compact` makes exact spectra affordable, `points` names the kind of a
point); `claims` and `text` are what it prints, `figures` and `plots` its figure.
"""
