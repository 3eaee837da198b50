"""Source stylegan_xl on a small pickle of the same interface (the real one was not at hand)."""

from __future__ import annotations

import pickle
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from conceptatlas.generators.loaded import load_generator

CODE = """
import torch
from torch import nn
from torch_utils.ops import bias_act

class Mapping(nn.Module):
    num_ws = 4
    def __init__(self):
        super().__init__()
        self.z = nn.Linear(6, 5)
        self.c = nn.Linear(3, 5)
    def forward(self, z, c, truncation_psi=1):
        return (truncation_psi * (self.z(z) + self.c(c)))[:, None].repeat(1, self.num_ws, 1)

class Synthesis(nn.Module):
    def __init__(self):
        super().__init__()
        self.use_fp16 = True
        self.input = nn.Linear(5, 4 * 4 * 4)
        self.L0 = nn.ConvTranspose2d(4, 6, 2, stride=2)
        self.L1 = nn.ConvTranspose2d(6, 3, 2, stride=2)
    def forward(self, ws, noise_mode="random"):
        assert noise_mode == "none" and not self.use_fp16 and bias_act._init() is False
        assert ws.shape[1] == 4
        return torch.tanh(self.L1(self.L0(self.input(ws.mean(1)).reshape(-1, 4, 4, 4))))

class G(nn.Module):
    z_dim, c_dim, w_dim, img_resolution = 6, 3, 5, 16
    def __init__(self):
        super().__init__()
        self.mapping, self.synthesis = Mapping(), Synthesis()
"""


@pytest.fixture
def pickled(tmp_path, monkeypatch):
    """The folder of the generator's own code, and a pickle that needs it."""
    folder = tmp_path / "repository"
    (folder / "torch_utils" / "ops").mkdir(parents=True)
    (folder / "torch_utils" / "__init__.py").touch()
    (folder / "torch_utils" / "ops" / "__init__.py").touch()
    (folder / "torch_utils" / "ops" / "bias_act.py").write_text("def _init():\n    raise RuntimeError('no compiler')\n")
    (folder / "networks_of_it.py").write_text(CODE)
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    import networks_of_it  # type: ignore[import-not-found]

    torch.manual_seed(0)
    path = tmp_path / "net.pkl"
    path.write_bytes(pickle.dumps({"G_ema": networks_of_it.G()}))
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        del sys.modules[name]
    yield path, folder
    for name in [name for name in sys.modules if name.startswith(("torch_utils", "networks_of_it"))]:
        del sys.modules[name]


def row(path, folder, **cells):
    own = {"generator": "gan", "source": "stylegan_xl", "weights": str(path), "trust_pickle": "true"}
    return own | {"options": f"repository={folder}"} | cells


def test_it_draws_and_paints(pickled):
    made = load_generator(row(*pickled))
    assert (made.w_dim, made.n_classes, made.image_size) == (5, 3, 16)
    w = made.sample(np.array([7, 8, 7]), np.array([0, 1, 1]))
    single = [made.sample(np.array([s]), np.array([c])) for s, c in ((7, 0), (8, 1), (7, 1))]
    assert torch.allclose(w, torch.cat(single), atol=1e-6)
    assert not torch.equal(w[0], w[2])
    full = load_generator(row(*pickled, options=f"repository={pickled[1]};truncation=1")).sample(
        np.array([7]), np.array([0])
    )
    assert torch.allclose(w[:1], 0.7 * full, atol=1e-6)
    variable = w.clone().requires_grad_()
    picture = made.generate(variable)
    picture.sum().backward()
    assert picture.shape == (3, 3, 16, 16)
    assert float(variable.grad.abs().sum()) > 0
    assert [tuple(maps.shape) for maps in made.features(w)] == [(3, 3, 16, 16)]  # every second layer


def test_options_that_make_other_pictures_change_the_digest(pickled):
    digests = [
        load_generator(row(*pickled, options=f"repository={pickled[1]}{more}")).digest
        for more in ("", ";truncation=0.5", ";operators=reference")
    ]
    assert digests[0] == digests[2] != digests[1]


def test_a_pickle_is_not_opened_unless_trusted(pickled, monkeypatch):
    monkeypatch.setattr(pickle, "load", lambda file: pytest.fail("opened"))
    with pytest.raises(ValueError, match="can run any code"):
        load_generator(row(*pickled, trust_pickle=""))


def test_the_code_it_needs_is_asked_for(pickled):
    with pytest.raises(ValueError, match="repository=FOLDER"):
        load_generator(row(pickled[0], pickled[1], options=""))
    with pytest.raises(ValueError, match="folder gone does not exist"):
        load_generator(row(pickled[0], pickled[1], options="repository=gone"))


def test_other_pickles_are_refused(tmp_path):
    other = tmp_path / "other.pkl"
    other.write_bytes(pickle.dumps({"G_ema": nn.Linear(1, 1)}))
    with pytest.raises(ValueError, match="holds no `G_ema`"):
        load_generator(row(other, tmp_path))
    other.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read as a pickle"):
        load_generator(row(other, tmp_path))
    with pytest.raises(ValueError, match="does not exist"):
        load_generator(row(tmp_path / "gone.pkl", tmp_path))
    assert isinstance(sys.modules.get("torch"), types.ModuleType)
