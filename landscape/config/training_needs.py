"""Which settings of training have an effect only beside others."""

from landscape.needs import Need, beside, only, when
from landscape.registries import methods

NEEDS: dict[str, Need] = {
    "data_dir": when(
        lambda config: config.dataset not in methods.DATA_SETS,
        "has no effect: digits and blobs are in no folder",
    ),
    "data_seed": when(
        lambda config: (
            "data_seed" in methods.data_row(config.dataset).settings
            or bool(config.num_train or config.num_validation)
        ),
        "has an effect only with --num-train, --num-validation, blobs or a"
        " --dataset of your own",
    ),
    "workers": beside("image_size"),
    **dict.fromkeys(
        ("blob_dim", "blob_classes", "blob_samples", "blob_variance"),
        only("dataset", "blobs"),
    ),
    "decay_factor": only("schedule", "step"),
    "momentum": only("optimizer", *methods.optimizers_with("momentum")),
    "decay_all": beside("weight_decay"),
}
