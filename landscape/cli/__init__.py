"""What every command has: flags, exit status, progress bars, tables; and a limit on
the compiled programs that a long one holds."""

from landscape.cli.compiled_programs import limit_compiled_programs
from landscape.cli.program import launch, parse
from landscape.cli.progress import Progress
from landscape.cli.tables import format_table, spread

__all__ = [
    "Progress",
    "format_table",
    "launch",
    "limit_compiled_programs",
    "parse",
    "spread",
]
