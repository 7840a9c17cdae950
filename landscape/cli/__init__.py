"""What every command has: flags, exit status, signals, progress bars, the next command;
and a limit on the compiled programs that a long one holds."""

from landscape.cli.commands import command, this_program
from landscape.cli.compiled_programs import limit_compiled_programs
from landscape.cli.flag_groups import check_used, groups_of
from landscape.cli.guesses import OTHER_WORDS
from landscape.cli.host_failures import say_saved
from landscape.cli.host_signals import end_if_signalled, ending_together
from landscape.cli.interrupts import (
    if_interrupted,
    noted_signals,
    say_if_interrupted,
    watch_signals,
)
from landscape.cli.marks import Named, Positional
from landscape.cli.program import launch
from landscape.cli.progress import Progress, activity
from landscape.cli.sweeps import Point, parse, parse_sweep

__all__ = [
    "OTHER_WORDS",
    "Named",
    "Point",
    "Positional",
    "Progress",
    "activity",
    "check_used",
    "command",
    "end_if_signalled",
    "ending_together",
    "groups_of",
    "if_interrupted",
    "launch",
    "limit_compiled_programs",
    "noted_signals",
    "parse",
    "parse_sweep",
    "say_if_interrupted",
    "say_saved",
    "this_program",
    "watch_signals",
]
