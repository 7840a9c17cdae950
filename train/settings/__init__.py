"""From flags to the settings of runs, before JAX is loaded."""
