"""One program a paper: trains what it needs, analyses it, says which claims hold.

`study`, `steps` and `claims` are what all share: flags, files, printed text, which step
of how many is next, and the table of claims; `training` makes the runs. `difficulty` is
of Evci et al. 2019, `hessian` of Sagun et al. 2016 and 2017, `subspace` of the
curvature within and outside a mask, `gradient_flow` of Evci et al. 2020, `plateau` of
what gives the lines of `difficulty` their shape.
"""
