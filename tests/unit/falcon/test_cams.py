"""GradCAM of groups of features, boxes and crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from conceptatlas.falcon.cams import GroupCams
from conceptatlas.falcon.crops import Box, box_of, crop, enlarge
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare

SIZE = 16


class Mapped(nn.Module):
    """A map, pooled, and a head; and a vector behind the map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(nn.Conv2d(6, 5, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.embed = nn.Linear(5, 7)
        self.head = nn.Linear(7, 4)

    def forward(self, x):
        x = self.conv2(self.conv1(x)).mean(dim=(2, 3))
        return self.head(self.embed(x))


class Tokens(nn.Module):
    """Patch tokens, attention with a class token, the class token normalised: the last grid before the vector has
    positions that the vector does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        self.norm1 = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm2 = nn.LayerNorm(8)
        self.pick = nn.Identity()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], dim=1)
        y = self.norm1(x)
        x = self.norm2(x + self.attention(y, y, y, need_weights=False)[0])
        return self.head(self.pick(x[:, 0]))


def loaded(module: nn.Module) -> LoadedModel:
    return LoadedModel("small", module, input_size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.fixture
def mapped() -> LoadedModel:
    torch.manual_seed(0)
    return loaded(Mapped())


def frames(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


GROUPS = [[[0], [1, 3]], [], [[2, 4]]]


def slow_gradcam(model: LoadedModel, module: nn.Module, features, image: int, group) -> np.ndarray:
    """GradCAM by its definition, for one image and one group."""
    kept = {}

    def keep(_module, _inputs, output):
        kept["maps"] = output.detach().clone().requires_grad_()
        return kept["maps"].clone()

    handle = module.register_forward_hook(keep)
    with torch.enable_grad():
        h = features(prepare(frames()[image : image + 1], model))
        gradient = torch.autograd.grad(h[0, group].sum(), kept["maps"])[0][0]
    handle.remove()
    weights = gradient.mean(dim=(1, 2))
    return torch.relu((weights[:, None, None] * kept["maps"][0].detach()).sum(dim=0)).numpy()


def test_a_layer_with_a_map_needs_no_gradient(mapped):
    cams = GroupCams(mapped, "conv2", candidates=["conv1"])
    features, scores, maps = cams.of(frames(), GROUPS)
    assert cams.module == "conv2"
    assert [len(own) for own in maps] == [2, 0, 1]
    assert scores.shape == (3, 4)
    net = mapped.module
    with torch.no_grad():
        expected = net.conv2(net.conv1(prepare(frames(), mapped))).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(features, expected, rtol=1e-5)
    for image, turn, group in ((0, 0, [0]), (0, 1, [1, 3]), (2, 0, [2, 4])):
        slow = slow_gradcam(mapped, net.conv2, lambda x: net.conv2(net.conv1(x)).mean(dim=(2, 3)), image, group)
        np.testing.assert_allclose(maps[image][turn], slow, rtol=1e-4, atol=1e-7)


def test_a_vector_takes_the_map_before_it(mapped):
    cams = GroupCams(mapped, "embed", candidates=["conv1", "conv2"])
    _, _, maps = cams.of(frames(), GROUPS)
    assert cams.module == "conv2"
    net = mapped.module
    for image, turn, group in ((0, 0, [0]), (0, 1, [1, 3]), (2, 0, [2, 4])):
        slow = slow_gradcam(
            mapped, net.conv2, lambda x: net.embed(net.conv2(net.conv1(x)).mean(dim=(2, 3))), image, group
        )
        np.testing.assert_allclose(maps[image][turn], slow, rtol=1e-4, atol=1e-7)


def test_groups_of_other_images_change_nothing(mapped):
    one = GroupCams(mapped, "embed", candidates=["conv2"]).of(frames(), [[[0]], [[5, 6]], []])[2]
    other = GroupCams(mapped, "embed", candidates=["conv2"]).of(frames(), [[[1], [0]], [[5, 6]], [[2], [3], [4]]])[2]
    np.testing.assert_allclose(one[0][0], other[0][1], rtol=1e-5)
    np.testing.assert_allclose(one[1][0], other[1][0], rtol=1e-5)


@pytest.mark.long
def test_maps_are_those_of_captum(mapped):
    from captum.attr import LayerGradCam

    net = mapped.module
    inputs = prepare(frames(), mapped)

    def target(x):
        return net.embed(net.conv2(net.conv1(x)).mean(dim=(2, 3)))[:, [1, 3]].sum(dim=1)

    with torch.enable_grad():
        captum = LayerGradCam(target, net.conv2).attribute(inputs.requires_grad_(), relu_attributions=True)
    _, _, maps = GroupCams(mapped, "embed", candidates=["conv2"]).of(frames(), [[[1, 3]]] * 3)
    for image in range(3):
        np.testing.assert_allclose(maps[image][0], captum[image, 0].detach().numpy(), rtol=1e-4, atol=1e-7)


def test_class_tokens_take_patch_tokens_that_they_see():
    torch.manual_seed(1)
    model = loaded(Tokens())
    cams = GroupCams(model, "pick", candidates=["stem", "norm1", "norm2"])
    _, _, maps = cams.of(frames(), [[[0]], [[1, 2]], [[3]]])
    assert cams.module == "norm1", "behind the last attention no patch reaches the class token"
    assert maps[0].shape == (1, 4, 4)
    assert any(own.max() > 0 for own in maps)


def test_a_model_without_positions_is_refused(mapped):
    with pytest.raises(ValueError, match="no module before 'embed' has positions"):
        GroupCams(mapped, "embed").of(frames(), [[[0]], [], []])


def test_enlarged_maps_are_bilinear():
    maps = np.random.default_rng(0).random((2, 5, 3))
    torch_maps = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[:, None], size=(12, 12), mode="bilinear", align_corners=False
    )[:, 0].numpy()
    np.testing.assert_allclose(enlarge(maps, 12), torch_maps, atol=1e-12)
    np.testing.assert_allclose(enlarge(np.full((1, 1, 1), 2.0), 4), np.full((1, 4, 4), 2.0))


def test_box_is_that_of_the_largest_part():
    cam = np.zeros((8, 8))
    cam[1:3, 1:3] = 1.0
    cam[5:7, 2:8] = 0.7
    cam[4, 0] = 0.59
    assert box_of(cam) == Box(5, 2, 7, 8)
    assert box_of(cam, cut=0.8) == Box(1, 1, 3, 3)
    assert box_of(3 * cam) == box_of(cam), "a common scale changes nothing"


def test_an_empty_map_gives_the_flagged_whole_frame():
    assert box_of(np.zeros((6, 9))) == Box(0, 0, 6, 9, whole=True)
    assert box_of(np.full((6, 9), 2.0)) == Box(0, 0, 6, 9)


def test_crop_shows_its_box_only():
    frame = np.zeros((10, 10, 3), dtype=np.uint8)
    frame[2:6, 3:9] = 200
    assert (crop(frame, Box(2, 3, 6, 9), 10) == 200).all()
    np.testing.assert_array_equal(crop(frame, Box(0, 0, 10, 10), 10), frame)


def test_cuda_agrees_within_tolerance(mapped):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    here = GroupCams(mapped, "embed", candidates=["conv2"]).of(frames(), GROUPS)
    there = GroupCams(mapped, "embed", candidates=["conv2"], device="cuda").of(frames(), GROUPS)
    np.testing.assert_allclose(here[0], there[0], rtol=1e-3, atol=1e-5)
    for own, other in zip(here[2], there[2], strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-3, atol=1e-5)
