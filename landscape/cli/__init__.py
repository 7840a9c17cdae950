"""What every command has: flags, exit status, progress bars, the next command; and a
limit on the compiled programs that a long one holds."""

from landscape.cli.commands import command
from landscape.cli.compiled_programs import limit_compiled_programs
from landscape.cli.program import launch, parse
from landscape.cli.progress import Progress, activity

__all__ = [
    "Progress",
    "activity",
    "command",
    "launch",
    "limit_compiled_programs",
    "parse",
]
