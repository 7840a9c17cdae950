"""What the programs of `analysis` share; what one of them alone has is in its folder.

`options` are common flags; `checks` refuses what can be known to fail, before JAX is
loaded; `inputs` loads runs and what is evaluated of them; `results` are the files of an
analysis, and `resumable` in each program's folder computes them in pieces that are
saved; `shell` reads a result back or computes it; `text` is what is printed; `ranks`
compares orders.
"""
