"""Networks of the user's own: names, files, arguments, and what is refused."""

import hashlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from landscape import layout, models, runs
from landscape.config import DenseRun
from landscape.errors import InputError
from landscape.models import train_flag, users
from landscape.runs import sources
from landscape.users import code as user_code
from landscape.users import files as user_files

NETWORKS = '''
import functools
import jax
import jax.numpy as jnp
from flax import linen as nn, nnx

from parts.layers import dense


class Plain(nn.Module):
    """Has no `train`, and a list among its fields."""

    num_classes: int
    widths: list = (3,)

    @nn.compact
    def __call__(self, image):
        x = image.reshape(len(image), -1)
        for width in self.widths:
            x = nn.tanh(dense(width)(x))
        return dense(self.num_classes)(x)


def plain(input_shape, num_classes, width=3):
    return Plain(num_classes, [width])


class Normed(nnx.Module):
    def __init__(self, input_shape, num_classes, *, rngs):
        self.first = nnx.Linear(input_shape[0], 3, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.last = nnx.List([nnx.Linear(3, num_classes, rngs=rngs)])

    def __call__(self, image):
        return self.last[0](self.norm(self.first(image)))


def partial(input_shape, num_classes):
    return functools.partial(Normed, input_shape, num_classes)


def instance(input_shape, num_classes):
    return Normed(input_shape, num_classes, rngs=nnx.Rngs(0))


def raises(input_shape, num_classes):
    return no_such_name


def the_class(input_shape, num_classes):
    return Plain


class Dropped(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, image, train):
        x = nn.Dense(self.num_classes)(image)
        return nn.Dropout(0.5, deterministic=not train)(x)


class Counting(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, image):
        self.variable("cache", "calls", lambda: jnp.zeros(()))
        return nn.Dense(self.num_classes)(image)


class Theta(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, image):
        shape = (image.shape[-1], self.num_classes)
        return image @ self.param("theta", nn.initializers.ones, shape)


class Ruled(Theta):
    layout_rules = {"theta": "io"}


class Added(nn.Module):
    """Its kernel is in no product."""

    num_classes: int
    layout_rules = {"w": "io"}

    @nn.compact
    def __call__(self, image):
        return image + self.param("w", nn.initializers.ones, (1, self.num_classes))


def of_three(input_shape, num_classes):
    return nn.Dense(3)


class Failing(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, image):
        return image @ jnp.ones((7, self.num_classes))


def infinite(input_shape, num_classes):
    return nn.Dense(num_classes, kernel_init=nn.initializers.constant(jnp.inf))
'''
OWN = "own_networks", "parts", "changing"
PARTS = [f"parts/{name}.py" for name in ("__init__", "deeper", "deepest", "layers")]
OF_EQUINOX = """
import functools
import equinox
import own_networks


def net(input_shape, num_classes, width):
    return functools.partial(equinox.nn.MLP, *input_shape, num_classes, width, 1)
"""
LAYERS = """from flax import linen as nn


def dense(width):
    return nn.Dense(width)
"""


def forget():
    """Makes the modules of these tests as if they had not been imported."""
    for name in [name for name in sys.modules if name.startswith(OWN)]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with own_networks.py, and parts/ beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_networks.py").write_text(NETWORKS)
    (folder / "parts").mkdir()
    (folder / "parts/__init__.py").write_text("from . import deeper\n")
    (folder / "parts/deeper.py").write_text("from .deepest import nothing\n")
    (folder / "parts/deepest.py").write_text("nothing = 0\n")
    (folder / "parts/layers.py").write_text(LAYERS)
    (folder / "parts/unused.py").write_text("import nothing\n")
    yield folder
    forget()


@pytest.fixture(autouse=True)
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [str(place), *sys.path])


def create(name, shape=(4,), classes=2, args=()):
    return models.create(f"own_networks:{name}", shape, classes, model_args=args)


def test_the_files_of_a_name_are_those_it_imports_of_its_own(place, monkeypatch):
    forget()
    code = user_files.digests("own_networks:plain")
    assert code.folder == str(place)
    assert code.files == {
        name: hashlib.sha256((place / name).read_bytes()).hexdigest()
        for name in ("own_networks.py", *PARTS)
    }
    assert [*user_files.digests("parts.layers:dense").files] == PARTS
    # Of what is installed its own package alone.
    installed = place / "site-packages"
    installed.mkdir()
    (installed / "parts_of_it.py").write_text("import parts_beside, parts.layers\n")
    (installed / "parts_beside.py").write_text("")
    monkeypatch.syspath_prepend(installed)
    assert [*user_files.digests("parts_of_it:net").files] == ["parts_of_it.py"]
    # An environment in the folder is none of the user's own code, and packages are
    # found without __init__.py, one in another.
    inner = place / "parts_apart" / "inner"
    inner.mkdir(parents=True)
    (inner / "net.py").write_text("import parts_beside, os\ndef net(): pass\n")
    user_files.check("--model", "parts_apart.inner.net:net")
    code = user_files.digests("parts_apart.inner.net:net")
    assert [*code.files] == ["parts_apart/inner/net.py"]
    assert not [name for name in sys.modules if name.startswith(OWN)]


@pytest.mark.parametrize(
    "name, words",
    [
        ("own_network:plain", "no module own_network in .*meant own_networks"),
        ("parts.layer:dense", "no module parts.layer in .*parts"),
        ("own_networks:plane", "defines no 'plane': perhaps you meant 'plain'"),
        ("own_networks.py:plain", "without .py, as in own_networks:plain"),
        ("own networks:plain", "package.module:name"),
        ("broken:net", "broken.py, line 1 is not Python"),
    ],
)
def test_a_name_is_refused_before_anything_is_imported(place, name, words):
    (place / "broken.py").write_text("def net(:\n")
    with pytest.raises(InputError, match=words):
        user_files.check("--model", name)


def test_a_module_that_ends_the_program_is_refused(place):
    (place / "own_exit.py").write_text("net = 1\nimport sys\nsys.exit()\n")
    with pytest.raises(InputError, match=r"own_exit:net .*SystemExit .*line 3\)"):
        user_code.resolve("--model", "own_exit:net")


@pytest.mark.parametrize(
    "body, defined",
    [
        ("if True:\n    net = 1", True),
        ("try:\n    from x import y as net\nexcept ImportError:\n    pass", True),
        ("def other():\n    net = 1", False),
        ("for net in ():\n    pass", True),
        ("from x import *", True),
        ("def __getattr__(name):\n    return 1", True),
        ("print(net)", False),
    ],
)
def test_names_are_seen_where_a_module_defines_them(place, body, defined):
    (place / "defining.py").write_text(body)
    if defined:
        user_files.check("--model", "defining:net")
    else:
        with pytest.raises(InputError, match="defines no 'net'"):
            user_files.check("--model", "defining:net")


def test_arguments_are_read_as_python_writes_them():
    words = ["a=1", "b=-1.5e3", "c=None", "d=(1,2)", "e=x=y", "f="]
    values = {"a": 1, "b": -1500.0, "c": None, "d": (1, 2), "e": "x=y", "f": ""}
    assert user_code.arguments("--model-args", words) == values
    for wrong, why in (("a", "not 'a'"), ("a=1 a=2", "a twice"), ("1=2", "not '1=2'")):
        with pytest.raises(InputError, match=why):
            user_code.arguments("--model-args", wrong.split())


@pytest.mark.parametrize(
    "name, args, words",
    [
        ("plain", ("widht=4",), "unknown argument 'widht': perhaps you meant 'width'"),
        ("Normed", ("width=4",), "unknown argument 'width'"),
        ("raises", (), r"NameError: .*no_such_name.*own_networks.py, line \d+"),
        ("the_class", (), "not the class Plain"),
        ("instance", (), "has its weights already"),
        ("Dropped", (), "draws random numbers"),
        ("Counting", (), "collections cache"),
        ("Theta", (), r"axes of theta, shape \(4, 2\), .*layout_rules"),
        ("of_three", (), r"shape \(2, 2\), not float32 of shape \(2, 3\)"),
        ("Failing", (), "fails on images of shape .*TypeError"),
    ],
)
def test_what_is_no_network_to_train_is_refused_in_a_sentence(name, args, words):
    with pytest.raises(InputError, match=words) as error:
        create(name, (4,), args=args)
    assert str(error.value).startswith(f"--model own_networks:{name}")
    assert "\n" not in str(error.value)


def test_a_network_is_taken_whose_flops_are_not_known():
    assert models.positions(create("Added", (2,)), (2,)) == {"w": None}


def test_arguments_that_the_networks_of_this_repository_take_are_refused():
    for given, flag in (
        ({"widths": (3,)}, "--widths"),
        ({"activation": "tanh"}, "--activation"),
    ):
        with pytest.raises(InputError, match=flag):
            DenseRun(model="own_networks:plain", **given)
    with pytest.raises(InputError, match="--model-args width=4"):
        DenseRun(model="lenet5", model_args=("width=4",))


def test_a_linen_network_without_train_is_one_with_it():
    model = create("plain", args=("width=5",))
    assert model is create("plain", args=("width=5",))
    assert len({model, create("plain")}) == 2
    params, stats = models.init(model, jax.random.key(0), (4,))
    assert stats == {}
    shapes = {name: leaf.shape for name, leaf in layout.leaves(params).items()}
    assert shapes["Dense_0/kernel"] == (4, 5)
    assert models.positions(model, (4,)) == {"Dense_0/kernel": 1, "Dense_1/kernel": 1}
    x = np.linspace(-1, 1, 8).reshape(2, 4).astype("float32")
    first, last = params["Dense_0"], params["Dense_1"]
    slow = np.tanh(x @ first["kernel"] + first["bias"]) @ last["kernel"] + last["bias"]
    for train in (False, True):
        logits = model.apply({"params": params}, x, train=train)
        np.testing.assert_allclose(logits, slow, atol=1e-6)


def test_what_says_that_a_network_is_trained_is_told_by_its_own_name():
    def call(image, deterministic, is_training=False):
        pass

    told = {"deterministic": True, "is_training": False}
    assert train_flag.keywords(call, train=False) == told
    assert train_flag.keywords(call, train=True) == {k: not v for k, v in told.items()}


def test_an_nnx_network_has_its_kernels_and_its_statistics():
    model = create("partial")
    params, stats = models.init(model, jax.random.key(0), (4,))
    assert sorted(layout.kernels(params)) == ["first/kernel", "last/0/kernel"]
    assert jax.tree.map(jnp.shape, stats) == {"norm": {"mean": (3,), "var": (3,)}}
    assert models.positions(model, (4,)) == {"first/kernel": 1, "last/0/kernel": 1}
    x = np.array([[1.0, 2, 0, 0], [3.0, 0, 0, -1], [0.0, 1, 1, 5]], "float32")
    variables = {"params": params, "batch_stats": stats}
    logits, updated = model.apply(variables, x, train=True, mutable=["batch_stats"])
    hidden = np.float64(x) @ np.float64(params["first"]["kernel"])
    mean, var = hidden.mean(0), hidden.var(0)
    normed = (hidden - mean) / np.sqrt(var + 1e-5)
    slow = normed @ params["last"]["0"]["kernel"]
    np.testing.assert_allclose(logits, slow, atol=1e-4)
    # Of momentum 0.99.
    found = updated["batch_stats"]["norm"]
    np.testing.assert_allclose(found["mean"], 0.01 * mean, atol=1e-6)
    np.testing.assert_allclose(found["var"], 0.99 + 0.01 * var, atol=1e-6)
    stored = model.apply(variables, x, train=False)
    slow = hidden / np.sqrt(1 + 1e-5) @ params["last"]["0"]["kernel"]
    np.testing.assert_allclose(stored, slow, atol=1e-5)
    other, _ = models.init(model, jax.random.key(1), (4,))
    assert not jnp.array_equal(other["first"]["kernel"], params["first"]["kernel"])


def test_an_equinox_network_has_the_axes_of_its_layers():
    import equinox

    def make(key):
        layers = [equinox.nn.Conv2d(2, 3, 2, key=key), equinox.nn.Lambda(jnp.ravel)]
        return equinox.nn.Sequential([*layers, equinox.nn.Linear(12, 2, key=key)])

    shape = (2, 3, 3)
    model = models.from_equinox(make)
    users.check(model, shape, 2)
    rules = layout.rules_of(model)
    variables = model.init(jax.random.key(0), jnp.zeros((1, *shape)))
    axes = {n: k.axes for n, k in layout.kernels(variables["params"], rules).items()}
    assert axes == {"layers/0/weight": "oikk", "layers/2/weight": "oi"}
    positions = models.positions(model, shape)
    assert positions == {"layers/0/weight": 4, "layers/2/weight": 1}
    network = make(jax.random.fold_in(jax.random.key(0), 0))
    x = jax.random.normal(jax.random.key(1), (2, *shape))
    arrays = variables["params"]["layers"]
    leaves = lambda net: [net.layers[i].weight for i in (0, 2)]  # noqa: E731
    network = equinox.tree_at(leaves, network, [arrays[i]["weight"] for i in "02"])
    biases = lambda net: [net.layers[i].bias for i in (0, 2)]  # noqa: E731
    network = equinox.tree_at(biases, network, [arrays[i]["bias"] for i in "02"])
    np.testing.assert_allclose(model.apply(variables, x), jax.vmap(network)(x))


def test_multiplications_are_counted_wherever_a_kernel_is_used():
    class Looped(nn.Module):
        layout_rules = {"square": "io", "filter": "kkio"}  # noqa: RUF012

        @nn.compact
        def __call__(self, image):
            square = self.param("square", nn.initializers.ones, (4, 4))
            taps = self.param("filter", nn.initializers.ones, (2, 2, 1, 2))

            def step(x, _):
                return jax.jit(lambda w, x: x @ w.T)(square, x), None

            x, _ = jax.lax.scan(step, image.reshape(-1, 4), None, length=3)
            x, taps = x.reshape(-1, 1, 2, 2), taps.transpose(3, 2, 0, 1)
            x = jax.lax.conv(x, taps, (1, 1), "SAME")
            return x[..., 0, 0]

    # Three products of a vector, and a window of 2x2 at each of 2x2 places.
    found = models.positions(train_flag.with_train(Looped()), (2, 2, 1))
    assert found == {"square": 3, "filter": 4}


def test_rules_of_a_network_reach_whatever_asks_for_its_kernels():
    from landscape.config import SparseRun
    from landscape.recipes import recipe

    config = SparseRun(model="own_networks:Ruled", method="nm", nm="1:2", steps=10)
    components = recipe.make(config, (4,), 2)
    rules, params = components.objective.rules, {"theta": jnp.ones((4, 2))}
    assert rules == (("theta", "io"),)
    # Half of the decay 1e-4, of 8 ones.
    assert components.objective.l2(params) == pytest.approx(4e-4)
    assert recipe.counts_of(config, params, rules) == {"theta": 4}
    masks, _ = components.updater.init(jax.random.key(0), params)
    assert masks["theta"].shape == (4, 2)


def test_a_network_that_is_not_finite_at_its_start_is_refused_and_writes_nothing():
    from train.jobs import job

    config = DenseRun(
        model="own_networks:infinite", dataset="blobs", steps=2, workdir="not-written"
    )
    with pytest.raises(InputError, match="initial kernel is not finite"):
        job.run_training(config)
    assert not Path("not-written").exists()


@pytest.fixture(scope="module")
def trained(place):
    """A run of two steps of a network in Equinox, which `changing.py` defines."""
    from train.jobs import job

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(sys, "path", [str(place), *sys.path])
        (place / "changing.py").write_text(OF_EQUINOX)
        config = DenseRun(
            model="changing:net", dataset="blobs", blob_samples=128, steps=2,
            model_args=("width=2",), workdir=str(place / "run"),
        )  # fmt: skip
        job.run_training(config)
    return config


def test_a_run_says_in_a_line_which_file_has_changed(place, trained, capsys):
    known = sources.read(place / "run")["code"]["model"]
    assert [*known["files"]] == ["changing.py", "own_networks.py", *PARTS]
    assert runs.load(str(place / "run"), data=False).config.model == "changing:net"
    assert capsys.readouterr().err == ""
    before = runs.fingerprint(runs.parse(str(place / "run")))
    (place / "parts/layers.py").write_text(LAYERS + "# An edit.\n")
    try:
        for _ in range(2):
            runs.load(str(place / "run"), data=False)
        said = capsys.readouterr().err
        assert said == (
            f"{place / 'run'}: parts/layers.py (--model changing:net) has changed since"
            " the run was trained.\n"
        )
        assert runs.fingerprint(runs.parse(str(place / "run"))) == before
    finally:
        (place / "parts/layers.py").write_text(LAYERS)


def test_an_interrupted_training_does_not_resume_with_another_file(place, trained):
    from train.jobs import checks

    (place / "run/summary.json").rename(place / "summary.json")
    (place / "parts/layers.py").write_text(LAYERS + "# An edit.\n")
    try:
        with pytest.raises(InputError, match=r"layers\.py .*since the run was started"):
            checks.check([trained])
        (place / "parts/layers.py").write_text(LAYERS)
        checks.check([trained])
    finally:
        (place / "parts/layers.py").write_text(LAYERS)
        (place / "summary.json").rename(place / "run/summary.json")


def test_a_run_whose_module_is_gone_says_where_it_was(
    place, trained, tmp_path, monkeypatch
):
    from analysis import runs as program

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(place)])
    forget()
    with pytest.raises(InputError, match=f"no module changing .*it was in {place}"):
        runs.load(str(place / "run"))
    # The table of runs needs no module.
    assert program.run(program.Config((str(place / "run"),)))
    summary = json.loads((place / "run/summary.json").read_text())
    assert summary["model"] == "changing:net"


def test_what_needs_the_units_of_a_network_is_refused(place, trained):
    from analysis import path, units

    run = str(place / "run")
    for program, config in (
        (path, path.Config(run_a=f"{run}@init", run_b=run, align=True)),
        (units, units.Config(run)),
    ):
        with pytest.raises(InputError, match="is not known here: name its layers"):
            program.run(config)


def test_what_builds_a_network_with_other_widths_is_refused(place, trained):
    from landscape.config import SparseRun
    from train import units
    from train.settings import small_dense
    from train.shrinking import rounds

    config = SparseRun(model="own_networks:plain", method="small-dense", workdir="x")
    with pytest.raises(InputError, match="own_networks:plain alone knows"):
        small_dense.sized([config])
    config = units.Config(source=str(place / "run"), keep_params=0.5, workdir="x")
    with pytest.raises(InputError, match="changing:net alone knows its widths"):
        rounds.check(config)
