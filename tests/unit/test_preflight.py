"""The preflight: estimates that grow as they should, and reasons that name what does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conceptatlas import costs_atlas
from conceptatlas.preflight import check_study, estimate, reasons_to_refuse, this_machine
from conceptatlas.preflight_table import Machine, Stage, table

LARGE = Machine(disk_mb=1e9, mem_mb=1e9, cores=2)


NET2VEC: dict[str, Any] = {
    "datasets": [],
    "models": None,
    "layers": None,
    "tasks": ["segmentation", "classification"],
    "train_share": 0.7,
    "repeats": 3,
    "n_permutations": 99,
    "layers_for_subsets": [],
    "subsets": {"segmentation": [1, 2, 4], "classification": [1, 2, 1024]},
    "segmentation": {"epochs": 30},
    "classification": {"epochs": 30, "n_controls": 1},
    "word_spaces": [],
}

PRINCIPAL: dict[str, Any] = {
    "datasets": [],
    "models": None,
    "layers": None,
    "min_images": 8,
    "max_cells": 2000,
    "n_permutations": 99,
    "n_bootstrap": 200,
}

SIMILARITY: dict[str, Any] = {
    "datasets": [],
    "models": None,
    "layers": None,
    "train_share": 0.7,
    "n_permutations": 99,
    "n_bootstrap": 200,
    "unsupervised": {
        "n_concepts": 10,
        "max_positions": 20000,
        "thresholds": [0.5, 0.75],
        "n_stability": 5,
        "max_test_images": 0,
    },
    "supervised": {"features": "pooled", "n_repeats": 10, "n_random": 20},
    "reference": {"measures": ["cka", "rsa", "procrustes", "regression"], "batch": 1000, "max_images": 5000},
    "responses": {"kinds": ["fidelity", "tcav"], "max_images": 200},
}


def inputs(**changes: Any) -> dict[str, Any]:
    config = {
        "extraction": {"batch": 32, "inference_threads": 1, "device": "cpu", "tf32": False},
        "thresholds": {"tau": 0.005, "taus": [0.001, 0.005, 0.01, 0.05], "definition": "order_statistic"},
        "dissection": {
            "datasets": None,
            "models": None,
            "n_permutations": 99,
            "gallery_units": 24,
            "gallery_images": 10,
            "streamed_scores": True,
            "top_labels": 5,
        },
        "principal": PRINCIPAL,
        "robustness": {"datasets": None, "models": None, "layers": None},
        "axes": {"datasets": None, "models": None, "layers": None, "n_rotations": 2, "alphas": [0, 1]},
        "net2vec": NET2VEC,
        "similarity": SIMILARITY,
        "falcon": {"datasets": []},
        "atlas": {"thumbnail_size": 64, "thumbnails": 3, "figure_width": 960},
        "dask": {"workers": 1},
        "preflight": {"refuse": True, "disk_gb": None, "mem_gb": None, "cores": None, "max_hours": None},
    }
    given: dict[str, Any] = {
        "config": config,
        "datasets": [{"dataset": "d", "format": "broden", "frame_size": 224, "mask_size": 112, "shards": 4}],
        "models": [{"model": "m", "input_size": 224}],
        "layers": [{"model": "m", "layer": "l", "group": "main", "dtype": "float16", "store": "full"}],
        "n_images": {"d": 1000},
        "shapes": {("m", "l"): (512, 13, 13)},
        "pairs": [("d", "m")],
    }
    return {**given, **changes}


def by_name(stages: list[Stage]) -> dict[str, Stage]:
    return {stage.stage: stage for stage in stages}


def test_bytes_of_activations_are_exact() -> None:
    """Maps, two numbers an image and unit, and in each of 4 shards counts of 15 sqrt(250 x 169) patterns a unit."""
    beside = 1000 * 512 * 8 / 1e6 + 4 * 512 * 15 * (250 * 169) ** 0.5 / 1e6
    maps = 1000 * 512 * 13 * 13 * 2 / 1e6
    assert by_name(estimate(**inputs()))["activations"].disk_mb == pytest.approx(maps + beside)
    layers = inputs()["layers"]
    wide = [{**layers[0], "dtype": "float32"}]
    assert by_name(estimate(**inputs(layers=wide)))["activations"].disk_mb == pytest.approx(2 * maps + beside)
    for store in ("counts", "none"):
        other = [{**layers[0], "store": store}]
        assert by_name(estimate(**inputs(layers=other)))["activations"].disk_mb == pytest.approx(beside)


def test_models_take_a_check_a_group_and_random_ones_new_statistics() -> None:
    models = [{"model": "m", "input_size": 224}, {"model": "r", "input_size": 224, "weights": "random"}]
    layers = [{**inputs()["layers"][0], "model": name, "group": group} for name, group in ("mx", "my", "rx")]
    given = {"models": models, "layers": layers, "shapes": {("m", "l"): (8, 2, 2), ("r", "l"): (8, 2, 2)}}
    stages = by_name(estimate(**inputs(pairs=[("d", "m"), ("d", "r")], **given)))
    assert stages["models"].jobs == 3 + 1


def test_jobs_are_those_of_the_rules() -> None:
    stages = by_name(estimate(**inputs()))
    assert stages["data set d"].jobs == 6
    assert stages["activations"].jobs == 4
    assert stages["statistics"].jobs == 1
    assert stages["dissection"].jobs == 2
    second = [*inputs()["layers"], {**inputs()["layers"][0], "layer": "k", "group": "late"}]
    shapes = {("m", "l"): (512, 13, 13), ("m", "k"): (64, 7, 7)}
    assert by_name(estimate(**inputs(layers=second, shapes=shapes)))["activations"].jobs == 8


def test_time_grows_with_images_and_permutations() -> None:
    small, large = by_name(estimate(**inputs())), by_name(estimate(**inputs(n_images={"d": 10000})))
    assert large["null (R = 99)"].seconds == pytest.approx(10 * small["null (R = 99)"].seconds)
    assert large["activations"].seconds > 5 * small["activations"].seconds
    config = {**inputs()["config"], "dissection": {**inputs()["config"]["dissection"], "n_permutations": 999}}
    more = by_name(estimate(**inputs(config=config)))
    assert more["null (R = 999)"].seconds == pytest.approx(999 / 99 * small["null (R = 99)"].seconds)


def test_principal_directions_are_a_stage_where_they_are_asked_for() -> None:
    assert "principal directions" not in by_name(estimate(**inputs()))
    config = {**inputs()["config"], "principal": {**PRINCIPAL, "datasets": None}}
    stage = by_name(estimate(**inputs(config=config)))["principal directions"]
    assert (stage.jobs, stage.images) == (1 + 1 + 1, 1000)  # a layer, figures of its model, the join
    more = {**config, "principal": {**PRINCIPAL, "datasets": None, "n_permutations": 999, "n_bootstrap": 2000}}
    assert 5 < by_name(estimate(**inputs(config=more)))["principal directions"].seconds / stage.seconds < 10
    elsewhere = {**config, "dissection": {**config["dissection"], "models": []}}
    assert "principal directions" not in by_name(estimate(**inputs(config=elsewhere)))


def test_multiply_adds_of_the_report_replace_the_assumed_ones() -> None:
    plain = by_name(estimate(**inputs()))["activations"].seconds
    light = by_name(estimate(**inputs(gmacs={"m": 0.3})))["activations"].seconds
    assert light < plain


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (Machine(100, 1e9, 2), r"disk: \d+ MB more are needed and 100 MB are free .* most goes to"),
        (Machine(1e9, 500, 2), "memory: a job of .* needs .*, there are 500 MB"),
    ],
)
def test_what_cannot_fit_is_named(machine: Machine, message: str) -> None:
    (reason,) = reasons_to_refuse(estimate(**inputs()), machine)
    import re

    assert re.search(message, reason)


def test_what_fits_is_not_refused() -> None:
    stages = estimate(**inputs())
    assert reasons_to_refuse(stages, LARGE) == []
    assert reasons_to_refuse(stages, LARGE, max_hours=1e-6)[0].startswith("time: about")
    needed = sum(stage.disk_mb for stage in stages)
    nearly = Machine(disk_mb=needed / 2 + 1000, mem_mb=1e9, cores=2)
    assert reasons_to_refuse(stages, nearly)
    assert not reasons_to_refuse(stages, nearly, on_disk_mb=0.6 * needed)  # most of it is there already
    assert not reasons_to_refuse(stages, nearly, check_disk=False)  # results in a bucket


def test_limits_of_the_config_replace_the_measured_ones(tmp_path: Path) -> None:
    limits = {"disk_gb": 2, "mem_gb": None, "cores": 64}
    machine = this_machine(tmp_path / "not" / "yet", limits)
    assert (machine.disk_mb, machine.cores) == (2000, 64)
    assert machine.mem_mb > 100


def check(folder: Path, **limits: Any) -> None:
    pd.DataFrame({"image_index": range(50)}).to_parquet(folder / "listing.parquet")
    report = {"model": "m", "layers": {"l": {"n_units": 512, "height": 13, "width": 13}}}
    (folder / "m.json").write_text(json.dumps(report))
    given = inputs()
    config = {**given["config"], "preflight": {**given["config"]["preflight"], **limits}}
    check_study(
        config=config,
        datasets=given["datasets"],
        models=given["models"],
        layers=given["layers"],
        bases=[],
        perturbations=[],
        pairs=[["d", "m"]],
        listings=[folder / "listing.parquet"],
        reports=[folder / "m.json"],
        out=folder / "preflight.json",
        refusal=folder / "refused.txt",
    )


def test_a_study_that_fits_leaves_its_estimate(tmp_path: Path) -> None:
    (tmp_path / "refused.txt").write_text("of an earlier run")
    check(tmp_path)
    content = json.loads((tmp_path / "preflight.json").read_text())
    assert content["reasons"] == []
    assert next(stage for stage in content["stages"] if stage["stage"] == "data set d")["images"] == 50
    assert not (tmp_path / "refused.txt").exists()
    lines = table(content).splitlines()
    assert len({len(line) for line in lines[:-1]}) == 1  # columns stand under each other
    assert "50" in table(content)


def test_a_study_that_cannot_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"this study does not fit:\n- memory: (.|\n)*stage(.|\n)*refuse: false"):
        check(tmp_path, mem_gb=0.1)
    assert not (tmp_path / "preflight.json").exists()
    assert "memory" in (tmp_path / "refused.txt").read_text()


def test_refusing_can_be_switched_off(tmp_path: Path) -> None:
    check(tmp_path, mem_gb=0.1, refuse=False)
    assert json.loads((tmp_path / "preflight.json").read_text())["reasons"]
    assert not (tmp_path / "refused.txt").exists()


def test_float32_thresholds_count_their_refining_counters() -> None:
    from conceptatlas.costs import refine_mb

    assert refine_mb("float16", 2048, n_taus=4, definition="order_statistic") == 0
    assert refine_mb("float32", 2048, n_taus=4, definition="order_statistic") == 2048 * 4 * 65536 * 4 / 1e6
    assert refine_mb("float32", 1, n_taus=4, definition="netdissect_1000") == 8 * 65536 * 4 / 1e6


def test_memory_of_the_data_set_room_covers_what_was_measured_and_fits_a_laptop() -> None:
    from conceptatlas.costs import frame_mem_mb, index_mem_mb, list_mem_mb

    n, sizes = 63305, {"frame_size": 224, "mask_size": 112}  # benchmarks/RESULTS.md, "Indexing": 212, 216, 365 MB
    assert 2 * 306 < list_mem_mb(1) < list_mem_mb(4) < 4000  # 306: COCO's 118,287 images
    assert 2 * 216 < frame_mem_mb(n / 64, **sizes) < frame_mem_mb(n, **sizes) < 3000
    assert 624 < index_mem_mb(n, mask_size=112) < 1500  # 624: twenty concepts drawn anew in every image


def of_net2vec(**section: Any) -> Stage:
    config = {**inputs()["config"], "net2vec": {**NET2VEC, "datasets": None, **section}}
    return by_name(estimate(**inputs(config=config)))["net2vec"]


def test_net2vec_costs_nothing_unless_data_sets_are_named() -> None:
    assert "net2vec" not in by_name(estimate(**inputs()))
    stage = of_net2vec()
    assert (stage.jobs, stage.images) == (3 + 1 + 4, 1000)  # two tasks and relations; figures; four of the data set


def test_time_of_net2vec_by_hand() -> None:
    """1000 images, 700 of them teach, each with 10 labels, 30 epochs, 512 units, 3 initialisations."""
    masks = 7000 * 30 * 3 * (1 + 1) * 5e-5 + 1000 * 200 * 8e-6
    presence = 2 * 7000 * 30 * (3 * (512 + 1) + 512) * 1.5e-8
    relations, figures, spaces, jobs = 5, 15, 2**2 / 2 * 200**2 * (99 + 2) * 4e-9, 8 * 2
    assert of_net2vec().seconds == pytest.approx(masks + presence + relations + figures + spaces + jobs)
    few, more = of_net2vec(), of_net2vec(layers_for_subsets=["l"])
    added = 7000 * 30 * 3 * 2 * 5e-5 + 2 * 7000 * 30 * 3 * 2 * 1.5e-8  # F = 2, 4 and F = 2; 1024 units there are not
    assert more.seconds - few.seconds == pytest.approx(added)


def of_similarity(**section: Any) -> Stage:
    config = {**inputs()["config"], "similarity": {**SIMILARITY, "datasets": None, **section}}
    return by_name(estimate(**inputs(config=config)))["similarity"]


def test_similarity_costs_nothing_unless_data_sets_are_named() -> None:
    assert "similarity" not in by_name(estimate(**inputs()))
    stage = of_similarity()
    assert (stage.jobs, stage.images) == (3 + 2 + 1 + 2, 1000)  # layer; pairs, figures; answers; join and its figures
    less = of_similarity(reference=SIMILARITY["reference"] | {"measures": []}, responses={"kinds": [], "max_images": 0})
    assert (stage.jobs - less.jobs, stage.images) == (2, 1000)
    assert less.seconds < stage.seconds
    assert less.disk_mb == pytest.approx(stage.disk_mb - (300**2 * 4 + 300 * 512 * 4) / 1e6)


def test_time_of_similarity_by_hand() -> None:
    """1000 images, 300 of them compared; 512 units of 13 x 13 positions; the layer against itself."""
    found = 10 * ((20000 + 10 * 20000) * 512 * 5e-8 + 300 * (169 * 2e-6 + 2 * 3e-6))
    vectors = (10 + 20) * (200 * 4e-3 + 2 * 700 * 10 * 512 * 2e-8)
    pairs = 300 * 100 * 2 * 100 * 1.2e-7 + 300 * 10 * (100 + 200) * 3e-8 + 300**2 * 100 * 3e-9
    matched = 2 * 300**3 * 20 * 4e-9
    answers = (200 * (3 + 10) + 3 * 300) * 0.03 * 4
    rest = 300**2 * 4e-7 + 10 + 8 * 2  # geometry, figures, starting the jobs
    assert of_similarity().seconds == pytest.approx(found + vectors + pairs + matched + answers + rest)


def test_a_second_data_set_costs_a_comparison_a_model() -> None:
    """Both data sets' concepts on either's 300 images, their masks on both with 99 shuffles, and three jobs more."""
    given = inputs()
    two = {
        "datasets": [*given["datasets"], given["datasets"][0] | {"dataset": "e"}],
        "n_images": {"d": 1000, "e": 1000},
        "pairs": [("d", "m"), ("e", "m")],
        "config": {**given["config"], "similarity": {**SIMILARITY, "datasets": None}},
    }
    both, one = by_name(estimate(**inputs(**two)))["similarity"], of_similarity()
    assert both.jobs == 2 * one.jobs + 3
    projected = 2 * 2 * 300 * 10 * (169 * 2e-6 + 2 * 3e-6)
    compared = 2 * 300 * 100 * 2 * 100 * 1.2e-7
    assert both.seconds == pytest.approx(2 * one.seconds + projected + compared + 10 + 3 * 2)


def test_what_is_not_dissected_costs_no_null() -> None:
    config = inputs()["config"]
    off = {**config, "dissection": {**config["dissection"], "datasets": []}, "axes": {**config["axes"], "datasets": []}}
    stages = by_name(estimate(**inputs(config=off)))
    assert stages["null (R = 99)"].seconds == stages["dissection"].jobs == stages["figures"].jobs == 0
    assert stages["statistics"].jobs == 1
    basis = {
        **inputs()["layers"][0],
        "store": "none",
        "basis": "pca",
    }  # a row of bases.tsv is dissected whatever the section says
    stages = by_name(estimate(**inputs(config=off, layers=[*inputs()["layers"], basis])))
    assert (stages["dissection"].jobs, stages["statistics"].jobs, stages["activations"].jobs) == (1, 1, 4)


def test_a_layer_that_is_not_stored_needs_masks_and_passes() -> None:
    """VGG conv1_2 on Broden: 406 GB of maps; two more passes of 4 shards each, a mask a unit and image at most."""
    layers = [{**inputs()["layers"][0], "store": "counts"}]
    given = {"n_images": {"d": 63305}, "shapes": {("m", "l"): (64, 224, 224)}}
    stored, counted = by_name(estimate(**inputs(**given))), by_name(estimate(**inputs(layers=layers, **given)))
    maps = 63305 * 64 * 224 * 224 * 2 / 1e6
    assert stored["activations"].disk_mb - counted["activations"].disk_mb == pytest.approx(maps)
    assert counted["activations"].disk_mb < 0.001 * maps
    assert "further passes" not in stored
    assert counted["further passes"].disk_mb == pytest.approx(63305 * 64 * 100 / 1e6)
    assert counted["further passes"].jobs == 8
    assert counted["dissection"].jobs == stored["dissection"].jobs
    config = {**inputs()["config"], "dissection": {**inputs()["config"]["dissection"], "streamed_scores": False}}
    two = by_name(estimate(**inputs(layers=layers, config=config, **given)))["further passes"]
    assert two.jobs == 4
    assert two.seconds < counted["further passes"].seconds
    off = {**config, "dissection": {**config["dissection"], "models": []}}
    assert "further passes" not in by_name(estimate(**inputs(layers=layers, config=off, **given)))


def test_the_atlas_costs_pages_of_every_data_set_and_model_and_the_joins() -> None:
    atlas = by_name(estimate(**inputs()))["atlas"]
    assert atlas.jobs == 4
    again = by_name(estimate(**inputs(n_images={"d": 2000})))["atlas"]
    assert again.seconds > atlas.seconds
    assert again.disk_mb - atlas.disk_mb == pytest.approx(1000 * costs_atlas.PICTURE_MB)
    bare = {**inputs()["config"], "atlas": {"thumbnail_size": 64, "thumbnails": 3, "figure_width": 0}}
    without = by_name(estimate(**inputs(config=bare)))["atlas"]
    assert without.jobs == 3
    assert atlas.disk_mb - without.disk_mb == pytest.approx(costs_atlas.LAYER_FIGURES * costs_atlas.FIGURE_MB)
    assert "atlas" not in by_name(estimate(**inputs(pairs=[])))
