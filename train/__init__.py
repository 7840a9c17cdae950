"""How a network is made. From the command to the gradient:

sparse.py, dense.py       flags to the settings of runs, `landscape.config`
sparse_options.py         the flags of sparse.py, and which of them go together
inheritance.py, sweep.py  settings of another run, flags with several values
presets.py                published recipes as settings
units.py, shrinking/      networks made smaller, round by round
checks.py                 refuses what can be known to fail, before JAX is loaded
expansion.py              the runs that a command stands for, in their order
levels.py, small_dense.py the runs that imp stands for, the widths of small-dense
job.py                    one run after the other, or seeds side by side
opening.py                a run made ready: data, functions, folder, first state
mask_source.py            masks and weights that are taken from another run
training.py               from the first step to the last
scoring.py                masks from scores over data, at step 0 or between steps
together.py               several seeds in one compiled program
landscape.data            the examples, and their order
landscape.recipes         the settings' functions, the state of step 0
loop.py                   many steps in one compiled call
step.py                   one step: gradient, then `landscape.sparsity.masked_update`
landscape.objective       the loss whose gradient is taken
measure.py, record.py     what is measured, and where it is written
"""
