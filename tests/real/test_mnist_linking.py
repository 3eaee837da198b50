"""Digits: generators and a LeNet of the user's own, linked: `pytest -m real --real-data FOLDER`."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import load_classifier
from conceptatlas.linking.fitting import fit_link
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.linking.pairs import sample_pairs
from conceptatlas.linking.prediction import r_squared

pytestmark = pytest.mark.real

CODE = Path(__file__).parents[2] / "config" / "studies" / "mnist-linking" / "mnist.py"
OPTIONS = {"classes": None, "class_map": {}, "class_from": "classifier", "n_train": 200, "n_test": 50, "max_tries": 1}


@pytest.fixture(scope="module")
def folder(real_data):
    folder = real_data / "mnist_gan_vae_lenet"
    if not folder.is_dir():
        pytest.skip(f"{real_data} has no folder mnist_gan_vae_lenet")
    return folder


def model_row(folder):
    weights = str(folder / "csinva" / "lenet_epoch=12_test_acc=0.991.pth")
    return {"model": "lenet", "source": "user", "architecture": f"{CODE}:lenet", "weights": weights}


def generator_row(folder, name):
    file = {"decoder": "vae_epoch_25.pth", "gan": "G--300.ckpt"}[name]
    row = {"generator": name, "source": "user", "architecture": f"{CODE}:{name}", "options": ""}
    return row | {"weights": str(folder / "csinva" / file)}


def unzipped(path, offset):
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)


def test_the_lenet_reads_the_test_images(folder):
    pictures = unzipped(folder / "mnist_test" / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = unzipped(folder / "mnist_test" / "t10k-labels-idx1-ubyte.gz", 8)
    classifier = load_classifier(model_row(folder))
    assert classifier.head_name == "fc.f7"
    images = torch.from_numpy(pictures.copy()).float().expand(-1, 3, -1, -1) / 255
    with torch.no_grad():
        said = torch.cat([classifier.represent(part)[1].argmax(1) for part in images.split(1000)])
    assert (said.numpy() == labels).mean() == pytest.approx(0.9908, abs=2e-4)


@pytest.mark.parametrize("name", ["decoder", "gan"])
def test_the_link_is_that_of_scikit_learn(folder, tmp_path, name):
    sample_pairs(
        generator=generator_row(folder, name), model=model_row(folder), part=0, n_parts=1, options=OPTIONS, seed=0,
        batch=250, threads=1, device="cpu", tf32=False, pairs=tmp_path / "p.h5", manifest=tmp_path / "p.json",
    )  # fmt: skip
    train, test = (Pairs([tmp_path / "p.h5"], test=which) for which in (False, True))
    assert (train.n, test.n) == (2000, 500)
    assert len(np.unique(train.classes)) == 10
    link = fit_link(train, ridges=[0.0], n_folds=2).link
    all_train, all_test = (pairs.take(np.arange(pairs.n)) for pairs in (train, test))
    theirs = LinearRegression().fit(all_train.r.astype(np.float64), all_train.w).predict(all_test.r)
    ours = link.apply(torch.from_numpy(all_test.r)).numpy()
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    within = r_squared(all_test.w, ours, all_test.classes, within=True)
    assert within > (0.1 if name == "decoder" else 0)  # the noise of a GAN is hardly linear in anything
    assert within < r_squared(all_test.w, ours, all_test.classes, within=False)


def test_digits_of_both_generators_are_clear(folder):
    classifier = load_classifier(model_row(folder))
    for name, least in (("decoder", 0.8), ("gan", 0.9)):
        made = load_generator(generator_row(folder, name))
        with torch.no_grad():
            logits = classifier.represent(made.generate(made.sample(np.arange(500), np.zeros(500))))[1]
        assert float(logits.softmax(1).max(1).values.mean()) > least
