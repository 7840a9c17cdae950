"""What every command has: flags, exit status, progress bars, tables."""

from landscape.cli.program import launch, parse
from landscape.cli.progress import Progress
from landscape.cli.tables import format_table, spread

__all__ = [
    "Progress",
    "format_table",
    "launch",
    "parse",
    "spread",
]
