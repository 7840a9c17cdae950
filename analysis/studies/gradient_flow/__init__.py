"""The study of sparse networks and gradient flow: what training finds in a mask.

Of Evci et al. 2020 (arXiv:2010.03533) and, for RigL, Evci et al. 2020
(arXiv:1911.11134). `rows` are the rows of the table, `published` its published numbers,
`networks` trains and `predictions`, `agreement` and `table` compare them; `initial`,
`updates`, `escape` and `sweep` measure the rest, `runs` calls all in their order;
`claims` and `claims_flow` are what was expected, `figures` and `plots` draw.
"""
