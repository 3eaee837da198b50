"""Generated scenes: determinism, labels that agree with each other and the picture, one factor at a time, captions."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from conceptatlas.datasets.colors import COLOR_NAMES, color_numbers, prototypes, srgb_to_lab
from conceptatlas.datasets.scenes import vocabulary as words
from conceptatlas.datasets.scenes.captions import captions
from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.parameters import Scene, Thing, scene_row, vary
from conceptatlas.datasets.scenes.renderer import Rendered, render
from conceptatlas.files import array_digest
from conceptatlas.naming import CATEGORIES

NUMBER = words.CONCEPT_NUMBERS


@pytest.fixture(scope="module")
def scenes() -> list[tuple[Scene, Rendered]]:
    drawn = [draw_scene(11, index) for index in range(60)]
    return [(scene, render(scene, 64)) for scene in drawn]


def _numbers(*names: str) -> list[int]:
    return [NUMBER[name] for name in names]


# The vocabulary ----------------------------------------------------------------------------------------------------


def test_concepts_have_unique_names_in_all_six_categories() -> None:
    names = [name for name, _ in words.CONCEPTS]
    assert len(set(names)) == len(names)
    assert {category for _, category in words.CONCEPTS} == set(CATEGORIES) - {"attribute"}
    assert len(names) < 256  # label maps are bytes


def test_words_of_parameters_are_concepts() -> None:
    assert set(words.KINDS) <= {name for name, category in words.CONCEPTS if category == "object"}
    assert set(words.PLACES) <= {name for name, category in words.CONCEPTS if category == "scene"}
    for kind in words.KINDS:
        assert set(words.KIND_COLORS[kind]) <= set(COLOR_NAMES)
        assert set(words.KIND_TEXTURES.get(kind, ())) <= set(words.TEXTURES)


# Determinism -------------------------------------------------------------------------------------------------------


def test_a_scene_depends_on_seed_and_index_only() -> None:
    forwards = [draw_scene(3, index) for index in range(20)]
    backwards = [draw_scene(3, index) for index in reversed(range(20))]
    assert forwards == backwards[::-1]
    assert len({repr(scene) for scene in forwards}) == 20
    assert draw_scene(4, 0) != forwards[0]


def test_pictures_and_labels_are_the_same_in_another_process() -> None:
    program = (
        "from conceptatlas.datasets.scenes.drawing import draw_scene\n"
        "from conceptatlas.datasets.scenes.renderer import render\n"
        "from conceptatlas.files import array_digest\n"
        "for index in (7, 2, 5):\n"
        "    r = render(draw_scene(0, index), 48)\n"
        "    print(array_digest(r.picture), array_digest(r.object), array_digest(r.detail), *r.scenes, *r.textures)\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    expected = []
    for index in (7, 2, 5):
        r = render(draw_scene(0, index), 48)
        digests = (array_digest(array) for array in (r.picture, r.object, r.detail))
        expected.append(" ".join([*digests, *r.scenes, *r.textures]))
    assert answer.splitlines() == expected


def test_a_scene_read_back_from_its_row_gives_the_same_picture() -> None:
    scene = draw_scene(0, 8)
    again = scene
    for factor, value in scene_row(scene).items():
        again = vary(again, factor, value)
    assert again == scene
    fields = {field.name for field in dataclasses.fields(Thing)}
    assert {key.split(".")[-1] for key in scene_row(scene) if key.startswith("things.0.")} == fields


@pytest.mark.parametrize("index", [-1, -5])
def test_negative_indices_are_refused(index: int) -> None:
    with pytest.raises(ValueError, match="image index"):
        draw_scene(0, index)


def test_classes_are_equally_likely() -> None:
    kinds = [draw_scene(1, index).main.kind for index in range(600)]
    counts = np.array([kinds.count(kind) for kind in words.CLASSES])
    chi_square = ((counts - 60) ** 2 / 60).sum()
    assert chi_square < 27.9  # 99.9 % point for 9 degrees of freedom


# Labels ------------------------------------------------------------------------------------------------------------


def test_parts_lie_in_the_objects_that_have_them(scenes: list[tuple[Scene, Rendered]]) -> None:
    owners = {
        "wheel": ("car", "bus"),
        "sail": ("boat",),
        "trunk": ("tree",),
        "petal": ("flower",),
        "wing": ("bird",),
        "torso": ("person",),
        "head": ("bird", "cat", "dog", "person"),
    }
    seen = set()
    for _, rendered in scenes:
        for part, objects in owners.items():
            inside = rendered.object[rendered.part == NUMBER[part]]
            assert np.isin(inside, _numbers(*objects)).all()
            seen |= {part} if inside.size else set()
    assert seen == set(owners)


def test_parts_of_parts_lie_in_their_part(scenes: list[tuple[Scene, Rendered]]) -> None:
    for _, rendered in scenes:
        for detail, part in (("eye", "head"), ("ear", "head"), ("hair", "head"), ("shoe", "leg")):
            assert (rendered.part[rendered.detail == NUMBER[detail]] == NUMBER[part]).all()
        assert not ((rendered.detail > 0) & (rendered.part == 0)).any()


def test_every_map_holds_concepts_of_its_category_only(scenes: list[tuple[Scene, Rendered]]) -> None:
    categories = {"object": "object", "part": "part", "detail": "part", "material": "material"}
    for _, rendered in scenes:
        for field, category in categories.items():
            present = np.unique(getattr(rendered, field))
            assert {words.CONCEPTS[n - 1][1] for n in present if n} <= {category}


def test_instances_show_visible_pixels_of_their_kind(scenes: list[tuple[Scene, Rendered]]) -> None:
    for scene, rendered in scenes:
        assert rendered.instance.max() <= len(scene.things)
        for position, thing in enumerate(scene.things, start=1):
            assert set(np.unique(rendered.object[rendered.instance == position])) <= {NUMBER[thing.kind]}
        assert (rendered.instance == 1).mean() > 0.01  # the main object is in view


def test_what_stands_in_front_covers_what_stands_behind() -> None:
    scene = draw_scene(0, 8)
    middle = dataclasses.replace(scene.main, kind="house", x=0.5, y=0.8, scale=0.6, style=1)
    ball = dataclasses.replace(scene.main, kind="ball", x=0.5, y=0.9, scale=0.2, style=0, stretch=1.0, tilt=0.0)
    both = render(dataclasses.replace(scene, things=(middle, ball)), 64)
    alone = render(dataclasses.replace(scene, things=(middle,)), 64)
    covered = (both.instance == 2) & (alone.instance == 1)
    assert covered.sum() > 20
    assert (both.object[covered] == NUMBER["ball"]).all()
    assert ((both.instance == 1) | covered == (alone.instance == 1)).all()
    assert not (both.part[both.instance == 2] > 0).any()


def test_every_pixel_has_the_color_of_the_picture(scenes: list[tuple[Scene, Rendered]]) -> None:
    _, rendered = scenes[0]
    assert rendered.color.max() < len(COLOR_NAMES)
    assert np.array_equal(rendered.color, color_numbers(rendered.picture))


def test_scene_and_texture_labels_follow_the_parameters(scenes: list[tuple[Scene, Rendered]]) -> None:
    for scene, rendered in scenes:
        assert rendered.scenes[0] == scene.background.place
        assert ("night" in rendered.scenes) == (scene.light.time == "night")
        worn = {scene.background.texture, *(thing.texture for thing in scene.things)}
        assert set(rendered.textures) <= worn - {"plain"}


@pytest.mark.parametrize("size", [64, 128])
def test_labels_are_those_of_the_shapes_whatever_the_size(size: int) -> None:
    """Maps drawn three times as large agree with the smaller ones but at outlines."""
    for index in range(4):
        scene = draw_scene(2, index)
        small, large = render(scene, size), render(scene, 3 * size)
        agree = (large.object[1::3, 1::3] == small.object).mean()
        assert agree > 0.97


def test_the_picture_is_anti_aliased_and_the_labels_are_not() -> None:
    scene = draw_scene(0, 8)
    ball = dataclasses.replace(scene.main, kind="ball", x=0.5, y=0.95, scale=0.8, texture="plain", style=0)
    rendered = render(dataclasses.replace(scene, things=(ball,)), 64)
    assert set(np.unique(rendered.instance)) == {0, 1}
    lonely = dataclasses.replace(scene, things=(dataclasses.replace(ball, color="red"),))
    red, blue = render(lonely, 64), render(vary(lonely, "main.color", "blue"), 64)
    changed = np.abs(red.picture.astype(int) - blue.picture).sum(axis=2)
    inside = changed[red.instance == 1].max()
    outline = (changed > 0) & (changed < 0.6 * inside) & (red.instance == 0)
    assert outline.sum() > 10  # pixels outside the mask that are partly covered


@pytest.mark.parametrize("size", [0, 15, 4096])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="picture_size"):
        render(draw_scene(0, 0), size)


# One factor at a time ----------------------------------------------------------------------------------------------


def test_vary_changes_one_parameter() -> None:
    scene = draw_scene(0, 5)
    for factor, value in {
        "light.time": "night",
        "background.place": "street",
        "main.x": 0.33,
        "main.flip": True,
    }.items():
        before, after = scene_row(scene), scene_row(vary(scene, factor, value))
        key = factor.replace("main.", "things.0.")
        assert {name for name in before if before[name] != after[name]} <= {key}
        assert after[key] == value


def test_another_color_changes_pixels_of_the_object_only() -> None:
    for index in range(12):
        scene = draw_scene(9, index)
        other = "purple" if scene.main.color != "purple" else "green"
        one, two = render(scene, 64), render(vary(scene, "main.color", other), 64)
        changed = np.abs(one.picture.astype(int) - two.picture).max(axis=2) > 2
        # outlines are shared, and the tip of an ear may be thinner than a pixel
        near = ndimage.binary_dilation(one.instance == 1, iterations=3)
        assert changed.any()
        assert not (changed & ~near).any()
        for field in ("object", "part", "detail", "material", "instance"):
            assert np.array_equal(getattr(one, field), getattr(two, field))


def test_night_and_clouds_leave_the_geometry_as_it_is() -> None:
    for index in range(10):
        scene = draw_scene(9, index)
        for factor, value in (("light.time", "night"), ("background.clouds", 0), ("light.brightness", 0.8)):
            one, two = render(scene, 64), render(vary(scene, factor, value), 64)
            sky = _numbers("cloud", "sun", "moon")
            still = ~np.isin(one.object, sky) & ~np.isin(two.object, sky)
            assert np.array_equal(one.object[still], two.object[still])
            assert np.array_equal(one.part, two.part)


def test_rooms_know_neither_night_nor_weather() -> None:
    day = vary(draw_scene(0, 8), "background.place", "kitchen")
    night = vary(vary(day, "light.time", "night"), "background.weather", "fog")
    clear = vary(vary(day, "light.time", "day"), "background.weather", "clear")
    assert np.array_equal(render(night, 48).picture, render(clear, 48).picture)
    assert render(night, 48).scenes == ("kitchen",)
    assert captions(night) == captions(clear)


def test_moving_the_main_object_moves_its_pixels() -> None:
    scene = vary(vary(draw_scene(0, 8), "main.scale", 0.3), "main.x", 0.3)
    scene = dataclasses.replace(scene, things=scene.things[:1])
    left, right = render(scene, 96), render(vary(scene, "main.x", 0.6), 96)
    centre = [np.nonzero(r.instance == 1)[1].mean() / 96 for r in (left, right)]
    assert centre[1] - centre[0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("factor", "value", "message"),
    [
        ("main.colour", "red", "main.color"),
        ("main.color", "gray", "grey"),
        ("things.9.x", 0.5, "unknown factor"),
        ("main.x", "left", "float expected"),
        ("background.clouds", 1.5, "int expected"),
        ("main.flip", 1, "bool expected"),
        ("background.place", "steet", "street"),
        ("main.scale", 0.0, "0.01 to 5"),
        ("main.style", 3, "0 to 2"),
        ("main.x", float("nan"), "expected"),
    ],
)
def test_vary_refuses_what_it_does_not_know(factor: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vary(draw_scene(0, 0), factor, value)


@pytest.mark.parametrize("kind", words.KINDS)
def test_every_kind_in_every_style_can_stand_anywhere(kind: str) -> None:
    scene = draw_scene(0, 0)
    for style, place in enumerate(("street", "kitchen", "harbour")):
        changed = vary(vary(vary(scene, "main.kind", kind), "main.style", style), "background.place", place)
        rendered = render(changed, 32)
        assert (rendered.object == NUMBER[kind]).any()


# Captions ----------------------------------------------------------------------------------------------------------


def test_captions_name_what_is_in_the_scene(scenes: list[tuple[Scene, Rendered]]) -> None:
    for scene, _ in scenes:
        sentences = captions(scene)
        assert 4 <= len(sentences) <= 7
        assert len(set(sentences)) == len(sentences)
        together = " ".join(sentences).lower()
        for thing in scene.things:
            assert thing.kind in together
        assert scene.main.kind in sentences[0].lower()
        assert scene.main.color in together
        assert ("night" in together) == (scene.time == "night")
        assert ("fog" in together) == (scene.weather == "fog")
        for texture in words.TEXTURES[1:]:
            worn = texture in {scene.background.texture, *(thing.texture for thing in scene.things)}
            assert worn or texture not in together
        for sentence in sentences:
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert " a a" not in f" {sentence.lower()}".replace(" a an", " a-an")


# Colour names ------------------------------------------------------------------------------------------------------


def test_lab_of_known_colors() -> None:
    given = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)
    known = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert srgb_to_lab(given) == pytest.approx(np.array(known), abs=0.05)


def test_every_pixel_takes_the_nearest_prototype() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    points, names = prototypes()
    lab = srgb_to_lab(picture).astype(np.float64)
    distance = np.linalg.norm(lab[:, :, None] - points[None, None].astype(np.float64), axis=-1)
    assert np.array_equal(color_numbers(picture), names[distance.argmin(axis=-1)])
    assert set(names) == set(range(len(COLOR_NAMES)))


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((135, 190, 235), "blue"), ((30, 30, 30), "black"), ((250, 250, 245), "white"), ((240, 150, 40), "orange")],
)
def test_plain_colors_have_their_names(rgb: tuple[int, int, int], name: str) -> None:
    pixel = np.array([[rgb]], dtype=np.uint8)
    assert COLOR_NAMES[color_numbers(pixel)[0, 0]] == name


def test_colors_of_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        srgb_to_lab(np.zeros((4, 4, 3)))
