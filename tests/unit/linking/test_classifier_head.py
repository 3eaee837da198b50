"""The penultimate representation: found behind any last linear layer, refused by name where there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from conceptatlas.linking.classifier import Classifier, class_map, find_head
from conceptatlas.models.loaded import LoadedModel
from tiny_generators import halves


class Net(nn.Module):
    def __init__(self, ending, head=None):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.gate = nn.Linear(5, 5)
        self.head = head or nn.Linear(5, 4)
        self.ending = ending

    def forward(self, x):
        x = self.body(x)
        return self.ending(self.head(x * self.gate(x).sigmoid()))


def loaded(module, size=16, classes=None):
    torch.manual_seed(0)
    return LoadedModel("mine", module, input_size=size, classes=classes)


@pytest.mark.parametrize("ending", [nn.Identity(), nn.Softmax(1), nn.LogSoftmax(1)])
def test_the_head_is_the_layer_that_gives_the_scores(ending):
    model = loaded(Net(ending))
    name, _ = find_head(model)
    assert name == "head"
    classifier = Classifier(model)
    images = torch.rand(3, 3, 16, 16).requires_grad_()
    r, logits = classifier.represent(images)
    assert r.shape == (3, 5)
    assert torch.equal(logits, classifier.head(r))
    logits[:, 0].sum().backward()
    assert float(images.grad.abs().sum()) > 0


def test_pictures_are_resized_and_normalised_as_frames_are():
    model = loaded(Net(nn.Identity()))
    classifier = Classifier(model)
    from conceptatlas.models.preprocessing import prepare

    frames = torch.randint(0, 256, (2, 20, 20, 3), dtype=torch.uint8)
    with torch.no_grad():
        direct = model.module(prepare(frames, model))
        ours = classifier.represent(frames.permute(0, 3, 1, 2).float() / 255)[1]
    assert torch.allclose(direct, ours, atol=1e-4)


def test_dropout_before_the_head_changes_nothing():
    model = loaded(Net(nn.Identity(), nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 4))))
    assert find_head(model)[0] == "head.1"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Net(nn.ReLU()), "none of its 2 linear layers"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "none of its 0 linear layers"),
        (nn.Conv2d(3, 4, 3), r"it returns \(2, 4, 14, 14\)"),
    ],
)
def test_models_without_one_are_refused_by_name(module, said):
    with pytest.raises(ValueError, match=f"model 'mine' has no penultimate representation.*{said}"):
        find_head(loaded(module))


def test_classes_by_name_and_number():
    classifier = halves()
    assert class_map(["blue", "red"], classifier, where="x") == {0: 2, 1: 0}
    assert class_map(["0", "2"], classifier, where="x") == {0: 0, 1: 2}
    assert class_map(["a", "red"], classifier, named={"a": "green"}, where="x") == {0: 1, 1: 0}
    assert class_map(["a", "red"], classifier, named={"a": 2}, asked=["a"], where="x") == {0: 2}
    with pytest.raises(ValueError, match="unknown class 'a' in x"):
        class_map(["a"], classifier, where="x")
    with pytest.raises(ValueError, match="unknown class of the generator 'rd'"):
        class_map(["red"], classifier, named={"rd": 1}, where="x")


def test_a_wrong_number_of_names_is_refused():
    with pytest.raises(ValueError, match="2 class names for 4 outputs"):
        Classifier(loaded(Net(nn.Identity()), classes=["a", "b"]))
