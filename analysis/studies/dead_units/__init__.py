"""Detecting Dead Weights and Units in Neural Networks (arXiv:1806.06068), by claim.

`scales` has the settings, `trainings` the networks, `weights`, `units`, `shrinking`,
`spectra`, `sparse` and `paths` measure, `runs` calls them in their order, `claims` and
`joint_claims` judge, `figures` and `plots` draw.
"""
