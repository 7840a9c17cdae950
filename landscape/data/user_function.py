"""A data set that a function of the user's own returns."""

from functools import lru_cache

from landscape.data.protocol import raw_of
from landscape.data.raw import Raw
from landscape.users.call import call_named

OFFERED = ("data_dir", "data_seed")
"""Settings that the function gets if it has a parameter of that name."""


@lru_cache(maxsize=1)
def read(
    name: str, words: tuple[str, ...], data_dir: str | None, data_seed: int
) -> Raw:
    """What `package.module:function` returns, checked.

    Args:
      name: the function, looked for from the working directory.
      words: KEY=VALUE arguments of it.
      data_dir, data_seed: given to a function that has parameters of these names.

    Raises:
      InputError: it cannot be imported, does not take the arguments, raises, or does
        not return what `landscape.data.protocol` allows.
    """
    settings = dict(zip(OFFERED, (data_dir, data_seed), strict=True))
    found = call_named("--dataset", name, (), "--data-args", words, settings)
    return raw_of(name, found)
