"""What a field of a program's dataclass says of its flag, beside its type."""

from typing import Annotated, NamedTuple, TypeVar

T = TypeVar("T")


class Named(NamedTuple):
    """`Annotated[str, Named("from")]`: the flag is --from, whatever the field is."""

    word: str


POSITIONAL = Named("")

Positional = Annotated[T, POSITIONAL]
"""`Positional[str]`: the value is given without a flag, in the order of the fields."""
