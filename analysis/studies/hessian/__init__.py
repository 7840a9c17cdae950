"""The study of Sagun et al. 2016 and 2017: `python -m analysis.studies.hessian`.

`scales` are its sizes, and `runs` all that it measures, by one file an experiment
(`blobs`, `gauss_newton_parts`, `batch_phases`, ...) on top of `measurements`; `claims`,
`claims_2016` and `claims_images` are the checks, `table` table 1, `figures`, `plots`
and `plots_2016` the figures.
"""
