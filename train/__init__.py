"""How a network is made. From the command to the gradient:

sparse.py, dense.py       flags to the settings of runs, `landscape.config`
units.py, shrinking/      the same, of networks made smaller, round by round
checks.py                 refuses what can be known to fail, before JAX is loaded
job.py                    opens, trains and closes one run
landscape.data            the examples, and their order
landscape.recipe          the settings' functions: model, objective, optimizer, masks
landscape.initial_state   the state of step 0
loop.py                   many steps in one compiled call
step.py                   one step: gradient, then `landscape.sparsity.masked_update`
landscape.objective       the loss whose gradient is taken
measure.py, record.py     what is measured, and where it is written
"""
