"""What the programs of `analysis` share.

`options` are common flags; `inputs` loads runs and what is evaluated of them; `results`
are the files of an analysis and `resumable_paths` and `resumable_spectra` compute them
in pieces that are saved; `shell` reads a result back or computes it; `text`,
`spectrum_text` and `surface_text` are what is printed, `spectrum_figures` is what is
drawn of spectra.
"""
