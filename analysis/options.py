"""Flags that the programs of this folder share; imports nothing heavy."""

from dataclasses import dataclass

from landscape.errors import InputError, check_choice


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which examples a loss is averaged over, and what batch norm does there.

    Raises:
      InputError: a value is not allowed.
    """

    num_examples: int | None = None
    """Use this many training examples, the first of the split; default: all."""
    batch_norm: str = "batch"
    """Statistics of batch norm: batch, re-estimated or stored."""
    batch_size: int = 128
    """Examples in a batch that has statistics, and in a step of a curve's training."""
    seed: int = 0
    """Of whatever is random: directions, a curve's training, an order of matching."""

    def __post_init__(self):
        check_choice("batch norm", self.batch_norm, ("batch", "re-estimated", "stored"))
        self.require("num_examples", self.num_examples is None or self.num_examples > 0)
        self.require("batch_size", self.batch_size > 0)
        self.require("seed", 0 <= self.seed < 2**31, "at least 0, below 2^31")

    def require(self, name: str, holds: bool, allowed: str = "at least 1") -> None:
        """Refuses the value of a field in one sentence, unless it holds."""
        if not holds:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{flag} must be {allowed}, not {getattr(self, name)}.")
