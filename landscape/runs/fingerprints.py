"""Which step of a run is meant, and a hash that says whether it is the same one."""

import hashlib
import json

from landscape import config
from landscape.disk import checkpoint_tables
from landscape.errors import InputError
from landscape.runs.folder import CHECKPOINTS, read_config
from landscape.runs.records import read_summary
from landscape.runs.refs import Ref

FREE = frozenset(
    "workdir data_dir num_devices workers remat log_every eval_every save_every"
    " keep_every tensorboard profile".split()
)
"""Settings that may be others when a run resumes: placement, logging and keeping."""

# Settings that came later and are in the fingerprints all the same.
_IN_ALL = frozenset({"init_zeros"})


def step_of(ref: Ref, settings: config.RunConfig | None = None) -> int:
    """The step that a `Ref` means; touches no device.

    `settings` are the run's, if they have been read already.

    Raises:
      InputError: the run is missing or, without a step, not finished; or the step was
        not kept, or has been deleted.
    """
    folder, step = ref
    settings = settings or read_config(folder)
    kept = checkpoint_tables.steps(folder / CHECKPOINTS)
    if step is None and read_summary(folder) is None:
        raise InputError(
            f"{folder} is not finished: repeat its training command, or name one of"
            f" the steps it has reached, as {folder}@{max(kept, default=0)}."
        )
    there = ", ".join(map(str, kept)) or "none"
    if step is None and settings.steps not in kept:
        raise InputError(
            f"the checkpoint of the last step of {folder}, {settings.steps}, has been"
            f" deleted; those there: {there}."
        )
    step = settings.steps if step is None else step
    if step not in kept:
        raise InputError(f"step {step} of {folder} was not kept; those kept: {there}.")
    return step


def fingerprint(ref: Ref) -> str:
    """A hash of a run's settings, except `FREE` ones, and of a checkpoint's digest.

    A copy of the run has the same, wherever it and its sources are; one with other
    settings, another step, or a byte of difference in a leaf or a file of the
    checkpoint has another.

    Raises:
      InputError: as in `step_of`.
    """
    settings = read_config(ref.folder)
    digest = checkpoint_tables.digest(ref.folder / CHECKPOINTS, step_of(ref, settings))
    fields = config.to_dict(settings) | dict.fromkeys(FREE | {"mask_from"})
    # What they give is part of the state, as the masks are.
    fields |= dict.fromkeys(fields.keys() & {"source", "parent"})
    # A setting that was added later does not change older fingerprints.
    later = {k: v for k, v in config.ADDED.items() if k not in _IN_ALL}
    fields = {
        k: v
        for k, v in fields.items()
        if k not in later or (k not in FREE and v != later[k])
    }
    text = json.dumps([fields, digest], sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]
