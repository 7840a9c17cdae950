"""How a network is analysed: the programs, and a room for each subject.

`path`, `surface`, `spectrum` and `runs` are programs (`python -m analysis.path`). They
and the `studies` are made of the rooms, each of which can be imported alone:
`curvature` (Hessian and its relatives as operators), `spectra` (eigenvalues of any
operator), `evaluation` (the loss at many points), `paths`, `planes` and `alignment`;
`programs` is what the programs share.
"""
