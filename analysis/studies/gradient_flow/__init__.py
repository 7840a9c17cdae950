"""The study of sparse networks and gradient flow: what training finds in a mask.

Of Evci et al. 2020 (arXiv:2010.03533) and, for RigL, Evci et al. 2020
(arXiv:1911.11134). `rows` are the rows of the table, `published` its published numbers,
`agreement` and `table` its numbers, `claims` and `claims_flow` what was expected.
"""
