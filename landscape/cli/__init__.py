"""What every command has: flags, exit status, signals, progress bars; and a limit on
the compiled programs that a long one holds."""

from landscape.cli.compiled_programs import limit_compiled_programs
from landscape.cli.interrupts import (
    if_interrupted,
    noted_signals,
    say_if_interrupted,
    watch_signals,
)
from landscape.cli.program import launch, parse
from landscape.cli.progress import Progress

__all__ = [
    "Progress",
    "if_interrupted",
    "launch",
    "limit_compiled_programs",
    "noted_signals",
    "parse",
    "say_if_interrupted",
    "watch_signals",
]
