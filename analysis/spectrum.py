"""The spectrum of the curvature of a run's loss: edges, density, trace, outliers.

    python -m analysis.spectrum runs/digits/pruned
    python -m analysis.spectrum runs/digits/pruned --operator gauss-newton
    python -m analysis.spectrum runs/digits/pruned --layers Dense_1 --exact
    python -m analysis.spectrum runs/digits/pruned@init --subspace dense

The extreme eigenvalues by Lanczos, each with the error it may have, and the density of
the others by stochastic Lanczos quadrature; with --exact every eigenvalue. Of the data
loss over the training split, without augmentation, batch norm with its stored
statistics (Sagun et al. 2017); only the weights that the mask keeps count, unless
--subspace dense. Writes result.json, arrays.npz and figure.png below RUN/analysis/.
Half a minute for networks of digits.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro

from analysis.options import DataOptions
from landscape.errors import InputError, check_choice, require
from landscape.program import main, parse

OPERATORS = ("hessian", "gauss-newton", "residual", "covariance")


@dataclass(frozen=True)
class Config(DataOptions):
    run: tyro.conf.Positional[str]
    """RUN, RUN@STEP or RUN@init."""
    operator: str = "hessian"
    """hessian; gauss-newton and residual, its two parts; or covariance, the second
    moment of the gradients of single examples."""
    exact: bool = False
    """All eigenvalues, of the matrix written out; for small networks."""
    subspace: str = "sparse"
    """sparse: the weights that the mask keeps; dense: all."""
    num_steps: int = 80
    """Steps of Lanczos for each probe of the density."""
    num_probes: int = 10
    """Random starts of the density."""
    top: int = 20
    """Eigenvalues wanted of each end."""
    layers: tuple[str, ...] = ()
    """Patterns (Dense_0, Conv_*) of the layers whose parameters vary; default: all."""
    include_l2: bool = False
    """Of the whole objective, with its L2 term (hessian only)."""

    def __post_init__(self):
        super().__post_init__()
        check_choice("operator", self.operator, OPERATORS)
        check_choice("subspace", self.subspace, ("sparse", "dense"))
        for name in ("num_steps", "num_probes", "top"):
            require(self, name, getattr(self, name) > 0)
        if self.include_l2 and self.operator != "hessian":
            raise InputError("--include-l2 goes with --operator hessian.")


def run(config: Config) -> dict[str, Any]:
    """Finds the spectrum, writes its folder, and returns the content of result.json.

    A spectrum that was found before with the same settings is read back.

    Raises:
      InputError: the run cannot be loaded, has not so many examples, no such layers, or
        is too large for an exact spectrum.
    """
    from analysis import results, spectra, subjects
    from landscape import figures, rng, runs

    where = folder(config)
    done = results.read(where)
    if done is not None:
        return done
    loaded = runs.load(config.run)
    examples = subjects.examples_of(loaded, config.num_examples)
    op = operator(config, loaded, examples)
    if op.size < 3:
        raise InputError(
            f"a spectrum needs at least 3 parameters: {config.run} keeps {op.size} of"
            f" {', '.join(config.layers) or 'all layers'}."
        )
    key = rng.stream(config.seed, "spectrum")
    top = min(config.top, op.size // 2) or 1
    _say(f"{config.operator} over {op.size:,} parameters; products: {op.how}")
    if config.exact:
        found = spectra.exact(op, top, say=_say)
    else:
        steps, probes = config.num_steps, config.num_probes
        found = spectra.estimated(op, top, steps, probes, key, say=_say)
    result = {
        **asdict(config),
        "layers": list(config.layers),
        "size": op.size,
        "num_examples": len(examples["label"]),
        "how": op.how,
        **found.result,
    }
    figure = figures.spectrum(found.figure, _title(result))
    results.write(where, result, found.arrays, figure)
    return result


def operator(config: Config, run: Any, examples: dict[str, Any]) -> Any:
    """The operator that a config names, of a loaded run on some examples."""
    import jax

    from analysis import operators
    from landscape import devices

    state, objective = run.state, run.objective
    options = {
        "mask": run.masks if config.subspace == "sparse" else None,
        "layers": config.layers or None,
        "mesh": devices.make_mesh() if jax.device_count() > 1 else None,
    }
    model_fn = objective.bind_logits(state.batch_stats)
    if config.operator == "hessian":
        loss_fn = objective.bind(state.batch_stats, l2=config.include_l2)
        return operators.hessian(loss_fn, state.params, examples, **options)
    if config.operator == "covariance":
        loss_fn = objective.bind_per_example(state.batch_stats)
        make = operators.gradient_covariance
        return make(loss_fn, state.params, examples, **options)
    make = {
        "gauss-newton": operators.gauss_newton,
        "residual": operators.residual,
    }[config.operator]
    loss = objective.bind_output_loss()
    return make(model_fn, loss, state.params, examples, **options)


def folder(config: Config) -> Path:
    """Where `run` leaves its files."""
    from analysis import results

    words = [config.operator, config.subspace] + ["exact"] * config.exact
    return results.folder("spectrum", words, [config.run], asdict(config))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _title(result: dict[str, Any]) -> str:
    layers = f" of {', '.join(result['layers'])}" if result["layers"] else ""
    l2 = " with L2 term" if result["include_l2"] else ""
    return (
        f"{result['operator']}{layers}{l2}, {result['subspace']} space,"
        f" {result['size']:,} parameters, {result['num_examples']} examples"
    )


def describe(result: dict[str, Any]) -> str:
    """What was found, in words."""
    largest, smallest = result["largest"][0], result["smallest"][0]
    lines = [
        f"{_title(result)}.",
        f"Largest eigenvalue {largest:.6g}, smallest {smallest:.4g}; trace"
        f" {result['trace']:.4g}"
        + (f" +- {result['trace_error']:.2g}." if result["trace_error"] else "."),
        _near_zero(result),
    ]
    outliers = result["outliers"]
    three = (
        "too few eigenvalues for the gap, ratio and elbow"
        if outliers["gap"] is None
        else f"{outliers['gap']} by the largest gap, {outliers['ratio']} by the largest"
        f" ratio, {outliers['elbow']} by the elbow"
    )
    lines.append(
        f"Outliers at the large end: {three};"
        f" beyond the bulk's edge {outliers['beyond_bulk']} (from"
        f" {outliers['beyond_bulk_fewest']} to {outliers['beyond_bulk_most']})"
        + ("." if outliers["bulk_fits"] else "; the bulk has a tail, without an edge.")
    )
    if result["unconverged"]:
        lines.append(
            f"{result['unconverged']} of the extreme eigenvalues are not known to 1e-6"
            " of themselves: see their errors."
        )
    if not result["exact"] and smallest < 0 and -smallest < 1e-6 * largest:
        lines.append("The negative edge is within single precision's rounding of zero.")
    return "\n".join(lines)


def _near_zero(result: dict[str, Any]) -> str:
    words = "of the eigenvalues are within a thousandth of the largest of zero"
    share, error = result["share_near_zero"], result["share_near_zero_error"]
    spread = f" (+- {100 * error:.1f} over probes)" if error else ""
    if result["share_near_zero_bounds"] is None:
        return f"{100 * share:.1f} % {words}."
    low, high = (100 * bound for bound in result["share_near_zero_bounds"])
    return (
        f"{100 * share:.1f} % {words}{spread}; with {result['num_steps']} steps it may"
        f" be anything from {low:.1f} to {high:.1f} %."
    )


def main_spectrum(config: Config) -> None:
    """Finds a spectrum; prints what it is, where it lies and what to try next."""
    result = run(config)
    print(describe(result))
    print(f"\nWritten to {folder(config)}: result.json, arrays.npz, figure.png")
    other = "gauss-newton" if config.operator == "hessian" else "hessian"
    print(f"Next: python -m analysis.spectrum {config.run} --operator {other}")


if __name__ == "__main__":
    main(lambda: main_spectrum(parse(Config, __doc__)))
