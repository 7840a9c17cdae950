"""How a network is made. From the command to the gradient:

dense.py, sparse.py       flags to the settings of runs, `landscape.config`
units.py, shrinking/      networks made smaller, round by round

settings/                 from flags to the runs that a command stands for
  sparse_options          the flags of sparse.py, and which of them go together
  inheritance, sweep      settings of another run, flags with several values
  presets                 published recipes as settings
  expansion               the runs that a command stands for, in their order
  levels, small_dense     the runs that imp stands for, the widths of small-dense
  mask_source             masks and weights that are taken from another run
jobs/                     from settings to a finished run
  checks                  refuses what can be known to fail, before JAX is loaded
  job                     one run after the other, or seeds side by side
  opening                 a run made ready: data, functions, folder, first state
  training                from the first step to the last
  scoring                 masks from scores over data, at step 0 or between steps
  measure, record, report what is measured, where it is written, what is printed
  telemetry               event files and traces
  agreement, damage       what several processes compare; images that cannot be read
steps/                    from a state and examples to the next state
  loop, together          many steps in one compiled call; several seeds in one program
  examples, streamed      the examples on the devices, or read in time
  step, accumulation      one step: gradient, then `landscape.sparsity.masked_update`
  evaluate                loss and accuracy on a whole split

landscape.data            the examples; landscape.recipes.order their order
landscape.recipes         the settings' functions, the state of step 0
landscape.objective       the loss whose gradient is taken
"""
