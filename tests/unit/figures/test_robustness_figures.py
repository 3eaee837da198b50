"""Figures of detector robustness: what is drawn is what the tables say, layers in order, nothing where nothing is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from conceptatlas.figures.reading import read_perturbed
from conceptatlas.figures.robustness_categories import LAYERS_A_PAGE, n_pages, robustness_by_category
from conceptatlas.figures.robustness_concepts import ends, robust_concepts
from conceptatlas.figures.robustness_curves import MEASURES, robustness_curves
from conceptatlas.figures.robustness_examples import LayerExamples, robustness_examples
from conceptatlas.figures.robustness_examples import n_pages as example_pages
from conceptatlas.figures.robustness_fates import bar_places, robustness_fates
from conceptatlas.figures.robustness_figures import SHOWS, plot_robustness
from conceptatlas.figures.robustness_levels import Step, kind_title, kinds_of, over_repeats, steps_of
from conceptatlas.figures.style import CATEGORY_COLOURS, OTHER
from conceptatlas.files import read_json
from tiny_robustness import concepts_of, perturbed_of, summary_of, units_of, write_perturbed
from tiny_tables import HOSTILE, words

Array = np.ndarray[Any, Any]

LAYERS = {
    "conv3": {"texture": 12, "color": 4},
    "conv10": {"object": 3, "texture": 9},
    "conv5": {"object": 12, "part": 4},
}
"""In the order of a sheet, which is not that of their names."""


@pytest.fixture
def summary() -> pd.DataFrame:
    return pd.concat(
        [summary_of(layer, detectors=found, tough=1 / (1 + i)) for i, (layer, found) in enumerate(LAYERS.items())],
        ignore_index=True,
    )


def nothing_found() -> pd.DataFrame:
    return summary_of(detectors={}).assign(n_detectors_clean=0, share_kept=np.nan, retained=np.nan, agreement=np.nan)


def marked(ax: Axes) -> list[Any]:
    """The lines with a mark at every level, in the order they were drawn."""
    return [line for line in ax.lines if line.get_marker() not in ("None", "none", "", None)]


def expected(rows: pd.DataFrame, value: str, **where: Any) -> Array:
    """Mean over repeats in order of amount, straight from the table."""
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    values: Array = rows.groupby("amount")[value].mean().sort_index().to_numpy()
    return values


def axes_grid(figure: Figure, n_rows: int) -> list[list[Axes]]:
    n_columns = len(figure.axes) // n_rows
    return [figure.axes[i * n_columns : (i + 1) * n_columns] for i in range(n_rows)]


# Levels -----------------------------------------------------------------------------------------------------------


def test_levels_stand_in_order_of_kind_and_amount_and_repeats_count_once(summary: pd.DataFrame) -> None:
    shuffled = summary.sample(frac=1.0, random_state=0)
    assert kinds_of(shuffled) == ["noise", "rotation", "patches"]
    assert [step.amount for step in steps_of(shuffled)] == [1, 5, 10, 100, 10, 45, 90, 4, 8]
    assert [step.words for step in steps_of(shuffled, "patches")] == ["4 × 4 patches", "8 × 8 patches"]


def test_variants_of_a_kind_stand_beside_its_plain_form() -> None:
    table = pd.DataFrame({"kind": ["patches", "none", "noise centred=yes", "wobble", "noise"]})
    assert kinds_of(table) == ["noise", "noise centred=yes", "patches", "none", "wobble"]
    assert kind_title("noise centred=yes") == "Noise, centred=yes"
    assert Step("noise centred=yes", 5).words != Step("noise", 5).words


def test_mean_over_repeats_is_hand_computed() -> None:
    rows = pd.DataFrame(
        {"kind": "patches", "amount": [8, 4, 4], "v": [0.1, 0.2, 0.4], "l": [0.0, 0.1, 0.2], "h": [0.2, 0.3, 0.8]}
    )
    table = over_repeats(rows, "v", "l", "h")
    assert table["amount"].tolist() == [4, 8]
    assert table[["value", "low", "high", "n"]].to_numpy()[0].tolist() == pytest.approx([0.3, 0.15, 0.55, 2])


# Curves -----------------------------------------------------------------------------------------------------------


def test_curves_stand_where_the_table_says(summary: pd.DataFrame) -> None:
    figure = robustness_curves(summary)
    whole = summary[summary["category"] == ""]
    for line, measure in zip(axes_grid(figure, len(MEASURES)), MEASURES, strict=True):
        for ax, kind in zip(line, ("noise", "rotation", "patches"), strict=True):
            drawn = marked(ax)
            assert len(drawn) == len(LAYERS)
            for one, layer in zip(drawn, LAYERS, strict=True):
                values = expected(whole, measure.value, layer=layer, kind=kind)
                assert np.allclose(np.asarray(one.get_ydata(), dtype=float), values)
            top = max(ax.get_ylim()[1], 0.0)
            assert top >= whole.loc[whole["kind"] == kind, measure.value].max()
    noise, rotation, patches = figure.axes[-3:]
    assert (noise.get_xscale(), rotation.get_xscale(), patches.get_xscale()) == ("log", "linear", "linear")
    figure.draw_without_rendering()
    ticks = [[label.get_text() for label in ax.get_xticklabels()] for ax in (noise, rotation, patches)]
    assert ticks == [["1", "5", "10", "100"], ["10°", "45°", "90°"], ["4", "8"]]


def test_bands_reach_from_end_to_end_of_the_interval(summary: pd.DataFrame) -> None:
    figure = robustness_curves(summary)
    own = summary[(summary["category"] == "") & (summary["layer"] == "conv3") & (summary["kind"] == "rotation")]
    band = figure.axes[1].collections[0].get_paths()[0].vertices
    assert np.asarray(band)[:, 1].min() == pytest.approx(own["kept_low"].min())
    assert np.asarray(band)[:, 1].max() == pytest.approx(own["kept_high"].max())


def test_repeats_are_thin_lines_and_the_note_says_so(summary: pd.DataFrame) -> None:
    figure = robustness_curves(summary)
    patches = figure.axes[2]
    thin = [line for line in patches.lines if line.get_linewidth() == 0.5]
    assert len(thin) == 2 * len(LAYERS)
    own = summary[(summary["category"] == "") & (summary["layer"] == "conv3") & (summary["kind"] == "patches")]
    for line, repeat in zip(thin[:2], (0, 1), strict=True):
        assert np.allclose(line.get_ydata(), own.loc[own["repeat"] == repeat, "share_kept"])
    assert not [line for line in figure.axes[0].lines if line.get_linewidth() == 0.5]
    assert "Several draws" in words(figure)
    assert "Several draws" not in words(robustness_curves(summary[summary["repeat"] == 0]))


def test_layers_come_in_the_order_of_the_sheet_with_their_detectors(summary: pd.DataFrame) -> None:
    figure = robustness_curves(summary)
    legend = next(ax.get_legend() for ax in figure.axes if ax.get_legend())
    names = [text.get_text() for text in legend.get_texts()]  # type: ignore[union-attr]
    assert names[:3] == ["conv3", "conv10", "conv5"]
    said = words(figure)
    assert "conv3 16, conv10 12, conv5 16" in said
    assert "n = 1,234 images" in said
    assert "> 0.04" in said
    assert "net on toy" in said


def test_the_twin_is_grey_and_its_values_are_its_own(summary: pd.DataFrame) -> None:
    twin = summary_of("conv10", model="net_random", detectors={"color": 2}, tough=0.5)
    figure = robustness_curves(summary, twin=twin, twin_name="net_random")
    (grey,) = [line for line in marked(figure.axes[0]) if same_color(line.get_color(), OTHER)]
    whole = twin[twin["category"] == ""]
    assert np.allclose(np.asarray(grey.get_ydata(), dtype=float), expected(whole, "share_kept", kind="noise"))
    assert "net_random (conv10 2 detectors)" in words(figure)
    assert "random twin" in words(figure)
    without = nothing_found().assign(model="net_random")
    assert "random twin" not in words(robustness_curves(summary, twin=without, twin_name="net_random"))


@pytest.mark.parametrize("draw", [robustness_curves, robustness_by_category, robustness_fates])
def test_without_detectors_or_levels_a_figure_says_so(draw: Any) -> None:
    assert "No unit of these layers is a detector" in words(draw(nothing_found()))
    assert "No perturbation was measured" in words(draw(nothing_found().iloc[:0]))


def test_a_layer_without_detectors_leaves_no_line(summary: pd.DataFrame) -> None:
    table = pd.concat([summary, nothing_found().assign(layer="conv9")], ignore_index=True)
    figure = robustness_curves(table)
    assert len(marked(figure.axes[0])) == len(LAYERS)
    assert "conv9 0" in words(figure)


def test_one_level_and_hostile_names_can_be_drawn() -> None:
    level = (("only", "patches", 4.0, 0),)
    for draw in (robustness_curves, robustness_by_category, robustness_fates):
        said = words(draw(summary_of(HOSTILE, model=HOSTILE, levels=level)))
        assert "<script>" in said
        assert "$x_1" in said.replace("\\", "")


def test_a_level_of_another_kind_gets_an_axis_of_its_own() -> None:
    levels = (("w", "wobble", 3.0, 0), ("c", "noise centred=yes", 5.0, 0), ("n", "noise", 5.0, 0))
    figure = robustness_curves(summary_of(levels=levels))
    assert [ax.get_title(loc="left") for ax in figure.axes[:3]] == ["Noise", "Noise, centred=yes", "Wobble"]


# Categories -------------------------------------------------------------------------------------------------------


def test_categories_stand_where_the_table_says(summary: pd.DataFrame) -> None:
    figure = robustness_by_category(summary)
    for line, (layer, found) in zip(axes_grid(figure, len(LAYERS)), LAYERS.items(), strict=True):
        for ax, kind in zip(line, ("noise", "rotation", "patches"), strict=True):
            assert len(marked(ax)) == len(found)
            for category in found:
                (one,) = [x for x in marked(ax) if same_color(x.get_color(), CATEGORY_COLOURS[category])]
                values = expected(summary, "retained", layer=layer, kind=kind, category=category)
                assert np.allclose(np.asarray(one.get_ydata(), dtype=float), values)
        legend = line[-1].get_legend()
        names = [text.get_text() for text in legend.get_texts()]  # type: ignore[union-attr]
        assert sorted(names) == sorted(f"{category} ({n})" for category, n in found.items())


def test_categories_without_detectors_are_left_out_and_layers_take_pages(summary: pd.DataFrame) -> None:
    table = summary_of("conv1", detectors={"object": 3, "scene": 0})
    (legend,) = [ax.get_legend() for ax in robustness_by_category(table).axes if ax.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["object (3)"]  # type: ignore[union-attr]
    many = pd.concat([summary_of(f"conv{i}") for i in range(LAYERS_A_PAGE + 1)], ignore_index=True)
    assert (n_pages(summary), n_pages(many), n_pages(nothing_found())) == (1, 2, 1)
    last = robustness_by_category(many, page=1)
    assert "(page 2 of 2)" in words(last)
    assert len(last.axes) == 3


# Kept, relabelled, lost -------------------------------------------------------------------------------------------


def test_bars_are_the_shares_and_add_up_to_one(summary: pd.DataFrame) -> None:
    figure = robustness_fates(summary)
    whole = summary[summary["category"] == ""]
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in panels] == [
        "conv3: 16 detectors", "conv10: 12 detectors", "conv5: 16 detectors",
    ]  # fmt: skip
    for ax, layer in zip(panels, LAYERS, strict=True):
        bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        heights = np.array([bar.get_height() for bar in bars]).reshape(3, -1)  # kept, relabelled, lost
        for height, share in zip(heights, ("share_kept", "share_relabelled", "share_lost"), strict=True):
            values = [expected(whole, share, layer=layer, kind=kind) for kind in ("noise", "rotation", "patches")]
            assert np.allclose(height, np.concatenate(values))
        assert np.allclose(heights.sum(axis=0), 1.0)


def test_bars_of_two_kinds_stand_apart() -> None:
    places = bar_places([Step("noise", 1), Step("noise", 5), Step("patches", 4), Step("patches", 8)])
    assert np.diff(places).tolist() == pytest.approx([1.0, 1.7, 1.0])


# Concepts ---------------------------------------------------------------------------------------------------------


def test_ends_are_the_most_and_the_least_robust() -> None:
    table = concepts_of(n=10)
    table.loc[(table["kind"] == "noise") & (table["concept"] == "concept 3"), "retained"] = np.nan
    part, hidden = ends(table, "noise", shown=2)
    own = table[(table["kind"] == "noise")]["retained"].dropna().sort_values(ascending=False).tolist()
    assert part["retained"].tolist() == own[:2] + own[-2:]
    assert hidden == 5
    everything, none = ends(table, "noise", shown=5)
    assert (len(everything), none) == (9, 0)


def test_concepts_are_dots_with_their_interval_and_names() -> None:
    table = concepts_of(n=40)
    figure = robust_concepts(table, summary=summary_of(), layer="conv3")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Noise", "Rotation", "Patches"]
    for ax in figure.axes:
        part, hidden = ends(table, ax.get_title(loc="left").lower())
        dots = [line for line in marked(ax) if len(line.get_xdata()) == 1]
        assert [float(dot.get_xdata()[0]) for dot in dots] == pytest.approx(part["retained"].tolist())
        spans = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]  # type: ignore[arg-type]
        assert [np.asarray(span, dtype=float)[0] for span in spans[:16]] == pytest.approx(part["retained_low"].tolist())
        names = [label.get_text() for label in ax.get_yticklabels()]
        assert [name.split(" (")[0] for name in names] == part["concept"].tolist()
        assert hidden == 24
        places = ax.get_yticks()
        assert places[8] - places[7] == 2  # a line for those between
    assert "24 more" in words(figure)
    assert "n = 1,234 images" in words(figure)


def test_a_layer_without_concepts_says_so() -> None:
    assert "No concept has a detector" in words(robust_concepts(concepts_of(n=0), summary=summary_of(), layer="conv3"))
    assert "No concept has a detector" in words(
        robust_concepts(concepts_of(n=0), summary=summary_of().iloc[:0], layer="conv3")
    )


def test_labels_do_not_overlap() -> None:
    """Names beside dots and ticks under bars: no two of an axis share a pixel."""
    long = concepts_of(n=40)
    long["concept"] += " with a very long name"
    many = pd.concat([summary_of(f"stage{i}") for i in range(7)], ignore_index=True)
    for figure in (
        robust_concepts(long, summary=summary_of(), layer="conv3"),
        robustness_curves(many),
        robustness_by_category(many),
        robustness_fates(many),
    ):
        figure.draw_without_rendering()
        for ax in figure.axes:
            for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
                boxes = [label.get_window_extent() for label in labels if label.get_text() and label.get_visible()]
                pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
                assert not any(a.overlaps(b) for a, b in pairs if a.width and b.width)


# Pictures ---------------------------------------------------------------------------------------------------------


def layer_parts(units: list[int] | None = None, **options: Any) -> list[LayerExamples]:
    return [
        LayerExamples(layer, units_of(layer), perturbed_of([0, 1] if units is None else units, **options))
        for layer in LAYERS
    ]


def test_the_grid_has_layers_in_rows_and_levels_in_columns(summary: pd.DataFrame) -> None:
    figure = robustness_examples(layer_parts(), summary=summary)
    (ax,) = figure.axes
    said = words(figure)
    assert "(page 1 of 2)" in said
    assert said.index("conv3 unit 0") < said.index("conv10 unit 0") < said.index("conv5 unit 0")
    columns = (
        "original noise 1 noise 5 noise 10 noise 100 rotation 10° rotation 45° rotation 90° 4 × 4 patches 8 × 8 patches"
    )
    assert columns in said
    (mosaic,) = ax.images
    assert list(mosaic.get_extent()) == [0, 10, 6, 0]  # three layers of two images, ten columns: one of every two draws
    assert "thing 0 object, IoU 0.200" in said
    units = units_of()
    lost = units[(units["unit"] == 0) & (units["level"] == "patches8")].iloc[0]
    assert f"{lost['iou']:.2f} lost" in said
    assert "conv5 unit 1" in words(robustness_examples(layer_parts(), summary=summary, page=1))


def test_the_grid_shows_the_picture_of_its_level(summary: pd.DataFrame) -> None:
    parts = layer_parts(n_images=1)
    examples = parts[1].examples
    examples.pictures[0, 0] = np.arange(len(examples.levels))[:, None, None, None] + 100
    examples.masks[...] = True  # nothing is dimmed
    figure = robustness_examples(parts, summary=summary)
    mosaic = np.asarray(figure.axes[0].images[0].get_array())
    cell = mosaic.shape[0] // 3
    row = mosaic[cell + cell // 2, cell // 2 :: cell, 0]
    wanted = [
        "original",
        "noise1",
        "noise5",
        "noise10",
        "noise100",
        "turn10",
        "turn45",
        "turn90",
        "patches4",
        "patches8",
    ]
    assert row.tolist() == [100 + examples.levels.index(name) for name in wanted]


def test_no_picture_is_shown_where_none_may_be(summary: pd.DataFrame) -> None:
    parts = layer_parts()
    for part in parts:
        part.examples.pictures[...] = 77
    figure = robustness_examples(parts, summary=summary, embed_images=False)
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    assert not {77, round(77 * 0.3)} & set(np.unique(drawn).tolist())
    assert len(np.unique(drawn)) == 3  # mask, outside, white between
    assert "pictures of this data set are not shown" in words(figure)


def test_layers_with_fewer_units_and_images_leave_gaps_not_errors(summary: pd.DataFrame) -> None:
    parts = layer_parts()
    parts[0] = parts[0]._replace(examples=perturbed_of([2]))
    parts[1] = parts[1]._replace(examples=perturbed_of([]))
    parts[2].examples.images[1, 1] = -1
    assert example_pages(parts) == 2
    figure = robustness_examples(parts, summary=summary, page=1)
    assert list(figure.axes[0].images[0].get_extent()) == [0, 10, 1, 0]
    assert "conv3 unit" not in words(figure)
    assert example_pages(layer_parts([])) == 1
    assert "No unit was chosen" in words(robustness_examples(layer_parts([]), summary=summary))
    assert "No unit was chosen" in words(robustness_examples(layer_parts(n_images=0), summary=summary))


# The job ----------------------------------------------------------------------------------------------------------


TWO = ["conv3", "conv10"]


def write_layers(folder: Path, layers: list[str] = TWO) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {"units": [], "summaries": [], "concepts": [], "examples": []}
    for layer in layers:
        found = LAYERS[layer]
        (folder / layer).mkdir(parents=True)
        tables = {
            "units": units_of(layer),
            "summaries": summary_of(layer, detectors=found),
            "concepts": concepts_of(layer),
        }
        for name, table in tables.items():
            files[name].append(str(folder / layer / f"{name}.parquet"))
            table.to_parquet(files[name][-1])
        files["examples"].append(str(folder / layer / "examples.h5"))
        write_perturbed(folder / layer / "examples.h5", perturbed_of([0, 1]))
    return files


def draw(folder: Path, files: dict[str, list[str]], **changes: Any) -> Path:
    arguments: dict[str, Any] = {
        "dataset": "toy", "model": "net", "layers": TWO, "twin": "", "twin_summaries": [],
        "folder": folder / "figures", "options": {"dpi": 50, "formats": ["png"]}, "embed_images": True,
    } | files  # fmt: skip
    plot_robustness(**(arguments | changes))
    return folder / "figures"


def test_all_figures_of_a_model(tmp_path: Path) -> None:
    files = write_layers(tmp_path)
    out = draw(tmp_path, files, twin="net_random", twin_summaries=files["summaries"])
    content = read_json(out / "figures.json")
    listed = [name for entry in content["figures"] for name in entry["files"]]
    assert sorted(listed) == sorted(path.name for path in out.iterdir() if path.name != "figures.json")
    assert {entry["figure"] for entry in content["figures"]} == set(SHOWS)
    assert {"robustness_examples.png", "robustness_examples~2.png", "robust_concepts_conv10.png"} <= set(listed)
    assert {(entry["figure"], entry["layer"]) for entry in content["figures"]} >= {
        ("robust_concepts", layer) for layer in TWO
    }


def test_drawing_again_gives_the_same_files(tmp_path: Path) -> None:
    files = write_layers(tmp_path, TWO[:1])
    options = {"dpi": 50, "formats": ["svg"]}
    first, second = (draw(tmp_path / run, files, options=options, layers=TWO[:1]) for run in ("a", "b"))
    contents = {path.name: path.read_bytes() for path in first.iterdir()}
    assert contents == {path.name: path.read_bytes() for path in second.iterdir()}


def test_examples_are_read_as_they_were_written(tmp_path: Path) -> None:
    examples = perturbed_of([3, 5])
    write_perturbed(tmp_path / "examples.h5", examples)
    again = read_perturbed(tmp_path / "examples.h5")
    assert again.levels == examples.levels
    assert np.array_equal(again.masks, examples.masks)
    assert np.array_equal(again.pictures, examples.pictures)


def test_files_that_do_not_match_the_layers_are_refused(tmp_path: Path) -> None:
    files = write_layers(tmp_path)
    files["examples"] = files["examples"][:1]
    with pytest.raises(ValueError, match="2 layers, but 1 examples"):
        draw(tmp_path, files)
