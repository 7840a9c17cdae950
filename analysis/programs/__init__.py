"""What the programs of `analysis` share.

`options` are common flags; `checks` refuses what can be known to fail, before JAX is
loaded; `inputs` loads runs and what is evaluated of them; `results` are the files of an
analysis and `resumable_paths`, `resumable_saliency`, `resumable_spectra` and
`resumable_units` compute them in pieces that are saved; `shell` reads a result back or
computes it; `text`, `saliency_text`, `spectrum_text`, `surface_text` and `units_text`
are what is printed; `ranks` compares orders.
"""
