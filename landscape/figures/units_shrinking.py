"""A network that is made smaller: its layers before and after, and its accuracy."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from landscape.figures.styles import Figure, colors, plain, style


def shrinking(
    before: Mapping[str, int],
    after: Mapping[str, int],
    kept: Sequence[float],
    removed: Sequence[float],
    trained: Sequence[float],
    accuracy: str = "test accuracy",
) -> Figure:
    """Units of each layer as bars, and accuracy over the parameters that are left.

    Args:
      before, after: units by layer, in the order of the forward pass.
      kept: parameters after each round as fractions of those before the first.
      removed, trained: accuracies in [0, 1] after each round's removal of units, and
        after its training; `kept` and `trained` begin with the network before (1).
      accuracy: what is measured, in words.
    """
    with style():
        palette = colors()
        height = max(2.9, 0.9 + 0.22 * len(before))
        figure = Figure(figsize=(8.2, height), layout="constrained")
        bars, curve = figure.subplots(1, 2, width_ratios=(1, 1))
        rows = list(range(len(before)))
        bars.barh(rows, list(before.values()), color="0.85", label="before")
        bars.barh(rows, [after[n] for n in before], color=palette[0], label="after")
        for row, name in enumerate(before):
            text = f" {after[name]} of {before[name]}"
            bars.text(before[name], row, text, va="center", fontsize=8)
        bars.set_yticks(rows, [plain(name) for name in before])
        bars.invert_yaxis()
        bars.set(xlabel="units", xlim=(0, 1.35 * max(before.values())))
        bars.xaxis.set_major_locator(MaxNLocator(integer=True))
        percent = [100 * x for x in trained]
        curve.plot(kept, percent, "o-", color=palette[0], label="trained")
        for i, value in enumerate(removed, 1):
            label = "units just removed" if i == 1 else None
            ends = [percent[i - 1], 100 * value, percent[i]]
            at = [kept[i - 1], kept[i], kept[i]]
            curve.plot(at, ends, ":", color="0.6", lw=1)
            curve.plot(
                kept[i], 100 * value, "o", color=palette[1], mfc="white", label=label
            )
        curve.set_xscale("log")
        ticks = sorted({round(x, 3) for x in kept})
        curve.set_xticks(ticks, [f"{100 * x:.3g}" for x in ticks])
        curve.minorticks_off()
        curve.invert_xaxis()
        curve.set(xlabel="parameters left (%)", ylabel=f"{accuracy} (%)")
        for axes in (bars, curve):
            # Above, where no bar and no curve is.
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return figure
