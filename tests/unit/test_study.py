"""A study is checked as a whole before a job is planned; every mistake gets the message that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conceptatlas.study import Study, alternatives, load_study, pick, sheet_files
from conceptatlas.study_plan import left_out

SCHEMAS = Path(__file__).resolve().parents[2] / "workflow" / "schemas"

SHEETS = {
    "datasets": "dataset\tformat\tn_images\tshards\nscenes\tdemo\t24\t2\n",
    "models": "model\tsource\tarchitecture\tweights\ttwin_of\ttwin_role\n"
    "18\tdemo\tplain\t\t\t\nrandom-18\tdemo\tplain\trandom\t18\tfloor\n",
    "layers": "model\tlayer\tmodule\tgroup\n18\tconv3\tfeatures.3\t\n18\tconv5\tfeatures.5\tlate\n"
    "random-18\tconv5\tfeatures.5\t\n",
    "bases": "basis\tdataset\tmodel\tlayer\tkind\npca\tscenes\t18\tconv5\tpca\n",
}


def study(folder: Path, files: dict[str, str] | None = None, **config: Any) -> Study:
    for name, text in {**SHEETS, **(files or {})}.items():
        (folder / f"{name}.tsv").write_text(text)
    config = {"study": "tiny", "sheets": {name: f"{name}.tsv" for name in SHEETS}, **config}
    return load_study(config, config_files=[], schemas=SCHEMAS, folder=folder)


def replaced(name: str, old: str, new: str) -> dict[str, str]:
    assert old in SHEETS[name]
    return {name: SHEETS[name].replace(old, new, 1)}


def test_defaults_are_filled_and_text_stays_text(tmp_path: Path) -> None:
    read = study(tmp_path, thresholds={"tau": 0.01})
    assert read.config["thresholds"] == {
        "tau": 0.01,
        "taus": [0.001, 0.005, 0.01, 0.05],
        "definition": "order_statistic",
        "threshold_on": "stored",
    }
    assert read.config["dissection"]["n_permutations"] == 999
    assert read.datasets["scenes"]["n_images"] == 24
    assert read.datasets["scenes"]["frame_size"] == 224
    assert "18" in read.models
    assert read.layers["18", "conv3"] == {
        "model": "18",
        "layer": "conv3",
        "module": "features.3",
        "group": "main",
        "dtype": "float16",
        "store": "full",
        "tail": "",
    }


def test_what_follows_from_the_sheets(tmp_path: Path) -> None:
    read = study(tmp_path, dissection={"models": ["18"]})
    assert read.folder == "results/tiny"
    assert read.shards("scenes") == ["000", "001"]
    assert read.groups("18") == ["main", "late"]
    assert [row["layer"] for row in read.layer_rows("18", "late")] == ["conv5"]
    assert read.dissected() == [("scenes", "18")]
    assert read.dissected_datasets() == ["scenes"]
    assert read.extracted() == [("scenes", "18")]
    assert read.calibrated("random-18")
    assert not read.calibrated("18")
    more = {"encoders", "vocabularies", "generators"}
    assert set(read.plain()) == {"config", "datasets", "models", "layers", "bases", "perturbations"} | more


def test_a_basis_needs_activations_of_a_model_that_is_not_dissected(tmp_path: Path) -> None:
    assert study(tmp_path, dissection={"models": []}).extracted() == [("scenes", "18")]


def test_sheets_lie_beside_the_config_that_names_them(tmp_path: Path) -> None:
    place = tmp_path / "studies" / "mine"
    place.mkdir(parents=True)
    study(place)
    names = {name: f"{name}.tsv" for name in SHEETS}
    (place / "config.yaml").write_text(f"study: mine\nsheets: {names}\n")
    (tmp_path / "device.yaml").write_text("extraction: {device: cuda}\n")
    config = {"study": "mine", "sheets": names, "extraction": {"device": "cuda"}}
    files = [place / "config.yaml", tmp_path / "device.yaml"]
    assert load_study(config, config_files=files, schemas=SCHEMAS, folder=tmp_path).name == "mine"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sede": 1}, r"unknown key 'sede'; did you mean 'seed'"),
        ({"thresholds": {"tua": 0.1}}, r"unknown key 'tua' under 'thresholds'; did you mean 'tau'"),
        ({"thresholds": {"tau": 1.5}}, "thresholds.tau: must be less than 1, got 1.5"),
        ({"thresholds": {"tau": "low"}}, "thresholds.tau: expected a number, got 'low'"),
        ({"thresholds": {"taus": [0.1, 2]}}, "thresholds.taus.1: must be less than 1, got 2"),
        ({"geometry": {"upsample": "corner"}}, r"'corner' is none of the allowed values; did you mean 'corners'"),
        ({"extraction": {"batch": 0}}, "extraction.batch: must be at least 1, got 0"),
        ({"extraction": None}, "extraction: expected a section with keys, got None"),
        ({"figures": {"formats": ["svg"]}}, r"figures.formats: must hold 'png', got \['svg'\]"),
        ({"study": "../up"}, r"study: '\.\./up' cannot be a name"),
        ({"sheets": {"datasets": "datasets.tsv", "models": "models.tsv"}}, "sheets: 'layers' is missing"),
        ({"dissection": {"models": ["19"]}}, "unknown model '19' in dissection.models; did you mean '18'"),
        (
            {"dissection": {"datasets": ["scene"]}},
            "unknown dataset 'scene' in dissection.datasets; did you mean 'scenes'",
        ),
    ],
)
def test_mistakes_in_the_config(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, **config)


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        (replaced("datasets", "format", "formt"), r"unknown key 'formt'; did you mean 'format'"),
        (
            replaced("datasets", "demo", "coco"),
            r"unknown format 'coco' .*; did you mean 'coco_panoptic'",
        ),
        (replaced("datasets", "\t2\n", "\ttwo\n"), "shards: expected a whole number, got 'two'"),
        (replaced("datasets", "\t24\t2", "\t2\t24"), "data set scenes: 24 shards for 2 images"),
        (
            {"datasets": "dataset\tformat\tframe_size\tmask_size\na\tdemo\t32\t64\n"},
            "mask_size 64 exceeds frame_size",
        ),
        ({"datasets": "dataset\tformat\toptions\nscenes\tdemo\tpicture_size\n"}, "is not of the form key=value"),
        ({"datasets": "dataset\tformat\n"}, "datasets.tsv has no rows"),
        (replaced("models", "demo", "torchvison"), r"unknown model source 'torchvison' .*; did you mean 'torchvision'"),
        (replaced("models", "18\tfloor", "81\tfloor"), r"unknown model '81' in twin_of of model random-18"),
        (replaced("models", "18\tfloor", "18\t"), r"twin_of and twin_role \(floor or ceiling\) go together"),
        (replaced("models", "18\tfloor", "random-18\tfloor"), "model random-18 cannot be its own twin"),
        (replaced("models", "random-18", "random 18"), "'random 18' cannot be a name"),
        (replaced("models", "\trandom\t", "\t$NO_SUCH_PLACE/w.pt\t"), "environment variable NO_SUCH_PLACE is not set"),
        (
            {"models": "model\tsource\tarchitecture\toptions\n18\tdemo\tplain\timg_size\n"},
            r"model '18': options 'img_size': 'img_size' is not of the form key=value",
        ),
        (
            {"models": "model\tsource\tarchitecture\toptions\n18\tdemo\tplain\tkey_map=$NO_SUCH_PLACE/a.json\n"},
            "environment variable NO_SUCH_PLACE is not set",
        ),
        (replaced("layers", "random-18", "random"), r"unknown model 'random' in the sheet of layers .*'random-18'"),
        (
            replaced("layers", "random-18\tconv5\tfeatures.5\t\n", ""),
            "random-18 has no row in the sheet of layers",
        ),
        (
            replaced("layers", "features.5", "features.3"),
            "module 'features.3' is layer 'conv3' already",
        ),
        (replaced("layers", "conv5", "conv3"), r"line 3: '18 conv3' stands in line 2 already"),
        (
            {"layers": "model\tlayer\tmodule\tstore\n18\ta\tb\tnone\nrandom-18\ta\tb\tfull\n"},
            "dissection needs store 'full' or 'counts'",
        ),
        (
            {"layers": "model\tlayer\tmodule\tdtype\tstore\n18\ta\tb\tfloat32\tnone\nrandom-18\ta\tb\n"},
            "dtype float32 needs store full",
        ),
        (replaced("bases", "conv5", "conv6"), "unknown layer 'conv6' in basis pca, 18; did you mean 'conv5'"),
        (replaced("bases", "scenes", "scene"), "unknown dataset 'scene' in basis pca; did you mean 'scenes'"),
        (replaced("bases", "\tpca\n", "\tpcas\n"), "kind: 'pcas' is none of the allowed values; did you mean 'pca'"),
        (replaced("bases", "\tpca\n", "\tfile\n"), "a path belongs to kind 'file' and only there"),
    ],
)
def test_mistakes_in_the_sheets(tmp_path: Path, sheets: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, sheets)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown format.*\n(.*\n)*.*cannot be its own twin"):
        study(tmp_path, replaced("datasets", "demo", "coco") | replaced("models", "18\tfloor", "random-18\tfloor"))


def test_analyses_that_are_off_need_nothing(tmp_path: Path) -> None:
    layers = "model\tlayer\tmodule\tstore\n18\ta\tb\tnone\nrandom-18\ta\tb\tfull\n"
    summaries = {"layers": layers, "bases": SHEETS["bases"].splitlines()[0] + "\n"}
    assert study(tmp_path, summaries, dissection={"models": ["random-18"]}).dissected() == [("scenes", "random-18")]


def test_sheets_of_a_study_are_found_where_it_reads_them(tmp_path: Path) -> None:
    read = study(tmp_path)
    found = sheet_files(read.config, config_files=[], folder=tmp_path)
    assert {path.name for path in found} == {f"{name}.tsv" for name in SHEETS}
    assert all(path.is_file() for path in found)


def test_wildcards_match_names_only() -> None:
    import re

    pattern = alternatives(["a.b", "c"])
    assert re.fullmatch(pattern, "a.b")
    assert not re.fullmatch(pattern, "axb")
    assert not re.fullmatch(alternatives([]), "anything")


def test_pick() -> None:
    assert pick({"a": 1, "b": 2}, ("b",)) == {"b": 2}
    assert pick({"a": 1, "b": 2}, but=("b",)) == {"a": 1}


COMPOSITE = "dataset\tformat\tannotations\toptions\nscenes\tcomposite\t{members}\t{options}\n"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("dataset\tformat\na\tbrodn\n", r"unknown format 'brodn' in data set a; did you mean 'broden'"),
        ("dataset\tformat\toptions\na\tbroden\tcategories\n", "'categories' is not of the form key=value"),
        ("dataset\tformat\tframe\na\tbroden\tpad\n", "unknown column 'frame'"),
        ("dataset\tformat\tpath\na\tbroden\t$NOBODY_SETS_THIS\n", "environment variable NOBODY_SETS_THIS is not set"),
        ("dataset\tformat\n", "lists no data sets"),
        (None, "gone.tsv does not exist"),
    ],
)
def test_members_of_a_composite_are_checked_too(tmp_path: Path, members: str | None, message: str) -> None:
    sheet = tmp_path / ("members.tsv" if members is not None else "gone.tsv")
    if members is not None:
        sheet.write_text(members)
    with pytest.raises(ValueError, match=message):
        study(tmp_path, {"datasets": COMPOSITE.format(members=sheet, options="")})


def test_a_composite_of_known_formats_is_fine(tmp_path: Path) -> None:
    (tmp_path / "members.tsv").write_text("dataset\tformat\tpath\na\tbroden\t/somewhere\nb\timage_folder\t/else\n")
    text = COMPOSITE.format(members=tmp_path / "members.tsv", options="min_images=10")
    assert study(tmp_path, {"datasets": text}).datasets["scenes"]["format"] == "composite"


LEVELS = {"perturbations": "level\tkind\tamount\toptions\nweak\tnoise\t1\t\ncut\tpatches\t4\t\n"}


def with_levels(folder: Path, files: dict[str, str], **config: Any) -> Study:
    names = {name: f"{name}.tsv" for name in [*SHEETS, "perturbations"]}
    return study(folder, {**LEVELS, **files}, sheets=names, **config)


def test_levels_of_perturbation(tmp_path: Path) -> None:
    assert study(tmp_path).perturbed() == []
    read = with_levels(tmp_path, {})
    assert read.perturbed() == [("scenes", "18"), ("scenes", "random-18")]
    assert read.perturbations["weak"]["seed"] == 0
    read = with_levels(tmp_path, {}, robustness={"layers": ["conv3"]})
    assert read.perturbed() == [("scenes", "18")]
    assert [row["layer"] for row in read.perturbed_layers("18")] == ["conv3"]
    assert with_levels(tmp_path, {}, robustness={"models": []}).perturbed() == []


@pytest.mark.parametrize(
    ("sheet", "config", "message"),
    [
        ("level\tkind\tamount\nweak\tnoisy\t1\n", {}, "kind: 'noisy' is none of the allowed values.*'noise'"),
        ("level\tkind\tamount\nweak\tnoise\tlow\n", {}, "amount: expected a number, got 'low'"),
        ("level\tkind\tamount\toptions\nweak\tnoise\t1\tclp=no\n", {}, "unknown option of noise 'clp' .*'clip'"),
        ("level\tkind\tamount\nstep\tfgsm\t-1\n", {}, "level step: the amount of fgsm is at least 0, not -1"),
        ("level\tkind\tamount\ncut\tpatches\t150\n", {}, "150 x 150 patches on data set scenes"),
        (None, {"models": ["19"]}, "unknown dissected model '19' in robustness.models; did you mean '18'"),
        (None, {"layers": ["conv4"]}, "unknown dissected layer 'conv4' in robustness.layers"),
    ],
)
def test_mistakes_about_levels(tmp_path: Path, sheet: str | None, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_levels(tmp_path, {} if sheet is None else {"perturbations": sheet}, robustness=config)


NET2VEC = {"datasets": ["scenes"]}


def test_net2vec_is_off_unless_data_sets_are_named(tmp_path: Path) -> None:
    read = study(tmp_path)
    assert read.learned() == read.learned_models() == read.learned_datasets() == []
    assert read.config["net2vec"]["segmentation"]["learning_rate"] == 1e-4
    assert read.config["net2vec"]["classification"]["decay_every"] == 15


def test_what_net2vec_learns_in(tmp_path: Path) -> None:
    """It needs activations of what it learns in, dissected or not."""
    layers = [("scenes", "18", "conv3"), ("scenes", "18", "conv5"), ("scenes", "random-18", "conv5")]
    read = study(
        tmp_path, {"bases": "basis\tdataset\tmodel\tlayer\tkind\n"}, dissection={"models": []}, net2vec=NET2VEC
    )
    assert read.learned() == layers
    assert read.learned_layers("scenes", "18") == ["conv3", "conv5"]
    assert read.extracted() == read.learned_models() == [("scenes", "18"), ("scenes", "random-18")]
    assert read.learned_tasks() == ["segmentation", "classification"]
    read = study(tmp_path, dissection={"models": []}, net2vec=NET2VEC | {"layers": ["conv3"]})
    assert read.learned() == layers[:1]
    assert study(tmp_path, net2vec={"datasets": None}).learned() == layers


def test_sizes_of_subsets_hold_one_everywhere(tmp_path: Path) -> None:
    subsets = {"segmentation": [8, 2], "classification": [3]}
    read = study(tmp_path, net2vec=NET2VEC | {"layers_for_subsets": ["conv5"], "subsets": subsets})
    assert read.subset_sizes("conv3", "segmentation") == [1]
    assert read.subset_sizes("conv5", "segmentation") == [1, 2, 8]
    assert read.subset_sizes("conv5", "classification") == [1, 3]
    read = study(tmp_path, net2vec=NET2VEC | {"layers_for_subsets": None, "tasks": ["classification"]})
    assert len(read.subset_sizes("conv3", "segmentation")) == 11
    assert read.learned_tasks() == ["classification"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"datasets": ["scene"]}, "unknown dataset 'scene' in net2vec.datasets; did you mean 'scenes'"),
        ({"models": ["19"]}, "unknown model '19' in net2vec.models; did you mean '18'"),
        ({"layers": ["conv6"]}, "unknown layer 'conv6' in net2vec.layers; did you mean 'conv5'"),
        ({"models": ["random-18"], "layers": ["conv3"]}, "net2vec: none of the models named has one of the layers"),
        (
            {"layers": ["conv5"], "layers_for_subsets": ["conv3"]},
            r"unknown layer 'conv3' in net2vec.layers_for_subsets .*; did you mean 'conv5'",
        ),
        ({"tasks": []}, "net2vec.tasks"),
        ({"tasks": ["segment"]}, "net2vec.tasks.0: 'segment' is none of the allowed values; did you mean"),
        ({"segmentation": {"lr": 1}}, "unknown key 'lr' under 'net2vec.segmentation'"),
        ({"segmentation": {"loss": "bse"}}, "net2vec.segmentation.loss: 'bse' is none of .*; did you mean 'bce'"),
        ({"train_share": 1}, "net2vec.train_share: must be less than 1, got 1"),
        ({"aliases": {"tv": 3}}, "net2vec.aliases.tv: expected text, got 3"),
        ({"word_spaces": [{"name": "a", "kind": "text"}]}, "net2vec.word_spaces.0: 'path' is missing"),
    ],
)
def test_mistakes_about_net2vec(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, net2vec=NET2VEC | section)


def test_net2vec_takes_receptive_fields(tmp_path: Path) -> None:
    read = study(tmp_path, net2vec=NET2VEC | {"segmentation": {"upsample": "receptive_field"}})
    assert read.config["net2vec"]["segmentation"]["upsample"] == "receptive_field"


def test_net2vec_needs_stored_activations_where_it_learns(tmp_path: Path) -> None:
    layers = "model\tlayer\tmodule\tstore\n18\ta\tb\tnone\n18\tc\td\nrandom-18\ta\tb\tnone\n"
    sheets = {"layers": layers, "bases": SHEETS["bases"].splitlines()[0] + "\n"}
    with pytest.raises(ValueError, match="layer 18 a: net2vec needs store 'full', the sheet says 'none'"):
        study(tmp_path, sheets, dissection={"models": []}, net2vec=NET2VEC)
    read = study(tmp_path, sheets, dissection={"models": []}, net2vec=NET2VEC | {"layers": ["c"]})
    assert read.learned() == [("scenes", "18", "c")]


def test_a_model_cannot_be_called_as_the_figures_of_all(tmp_path: Path) -> None:
    sheets = {name: SHEETS[name].replace("random-18", "models") for name in ("models", "layers")}
    assert study(tmp_path, sheets).learned() == []
    with pytest.raises(ValueError, match=r"'models'.*call the model something else"):
        study(tmp_path, sheets, net2vec=NET2VEC)


def test_files_of_word_spaces_are_looked_for_before_the_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "glove.txt").write_text("sky 1\n")
    monkeypatch.setenv("WORDS", str(tmp_path))

    def given(*spaces: dict[str, str], **more: Any) -> Study:
        return study(tmp_path, net2vec=NET2VEC | {"word_spaces": list(spaces)} | more)

    glove = {"name": "glove", "kind": "text", "path": "$WORDS/glove.txt"}
    assert given(glove).config["net2vec"]["word_spaces"] == [glove]  # as written: moving the file reruns nothing
    with pytest.raises(ValueError, match=r"unknown file 'glov.txt' in .*glove.*did you mean 'glove.txt'"):
        given(glove | {"path": "$WORDS/glov.txt"})
    with pytest.raises(ValueError, match="nor does its folder"):
        given(glove | {"path": "$WORDS/gone/glove.txt"})
    with pytest.raises(ValueError, match="word space 'glove': the environment variable NOT_SET is not set"):
        given(glove | {"path": "$NOT_SET/glove.txt"})
    with pytest.raises(ValueError, match="'glove' stands twice"):
        given(glove, glove)
    with pytest.raises(ValueError, match=r"`names`.* belongs to kind 'npy' and only there"):
        given(glove | {"names": "$WORDS/glove.txt"})
    with pytest.raises(ValueError, match=r"`names`.* belongs to kind 'npy' and only there"):
        given(glove | {"kind": "npy"})
    with pytest.raises(ValueError, match=r"unknown file 'index.noun'"):
        given(glove | {"kind": "wordnet", "path": "$WORDS"})
    assert given(glove | {"path": "$NOT_SET/glove.txt"}, datasets=[]).learned() == []  # off: nothing is asked of files


SIMILARITY = {"datasets": ["scenes"]}
NO_BASES = {"bases": SHEETS["bases"].splitlines()[0] + "\n"}


def test_similarity_is_off_unless_data_sets_are_named(tmp_path: Path) -> None:
    read = study(tmp_path)
    assert read.compared() == read.compared_models() == read.compared_datasets() == read.answering() == []
    assert read.config["similarity"]["unsupervised"]["thresholds"] == [0.5, 0.75]
    assert read.config["similarity"]["supervised"]["alpha"] == 0.01


def test_which_layers_are_compared_with_which(tmp_path: Path) -> None:
    """A model's layers with its own and those of earlier rows; activations are needed whether dissected or not."""
    read = study(tmp_path, NO_BASES, dissection={"models": []}, similarity=SIMILARITY)
    first, both = [("18", "conv3"), ("18", "conv5")], [("18", "conv3"), ("18", "conv5"), ("random-18", "conv5")]
    assert read.compared() == [("scenes", *place) for place in both]
    assert read.compared_until("scenes", "18") == first
    assert read.compared_until("scenes", "random-18") == both
    assert read.extracted() == read.compared_models() == read.answering() == [("scenes", "18"), ("scenes", "random-18")]
    read = study(tmp_path, NO_BASES, dissection={"models": []}, similarity=SIMILARITY | {"layers": ["conv3"]})
    assert read.extracted() == [("scenes", "18")]
    assert study(tmp_path, similarity=SIMILARITY | {"responses": {"kinds": []}}).answering() == []


def test_data_sets_are_compared_where_there_are_several(tmp_path: Path) -> None:
    """Layer after layer, the data sets in the order of the sheet."""
    assert study(tmp_path, similarity=SIMILARITY).crossed_models() == []
    more = {"datasets": SHEETS["datasets"].rstrip("\n") + "\n" + _renamed(SHEETS["datasets"], "others") + "\n"}
    read = study(tmp_path, NO_BASES | more, similarity={"datasets": None})
    assert read.crossed_models() == ["18", "random-18"]
    assert read.crossed("18") == [
        (dataset, layer) for layer in ("conv3", "conv5") for dataset in ("scenes", "others")
    ]  # fmt: skip
    assert read.crossed("random-18") == [("scenes", "conv5"), ("others", "conv5")]
    assert study(tmp_path, NO_BASES | more, similarity=SIMILARITY).crossed_models() == []


def _renamed(sheet: str, name: str) -> str:
    """The last row of a sheet under another name."""
    return "\t".join([name, *sheet.rstrip("\n").splitlines()[-1].split("\t")[1:]])


def test_a_detector_is_compared_but_has_no_class_scores(tmp_path: Path) -> None:
    models = "model\tsource\tarchitecture\n18\ttorchvision\tssd300_vgg16\nrandom-18\tdemo\tplain\n"
    read = study(tmp_path, {"models": models}, similarity=SIMILARITY)
    assert read.compared_models() == [("scenes", "18"), ("scenes", "random-18")]
    assert read.answering() == [("scenes", "random-18")]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"datasets": ["scene"]}, "unknown dataset 'scene' in similarity.datasets; did you mean 'scenes'"),
        ({"models": ["19"]}, "unknown model '19' in similarity.models; did you mean '18'"),
        ({"layers": ["conv6"]}, "unknown layer 'conv6' in similarity.layers; did you mean 'conv5'"),
        ({"models": ["random-18"], "layers": ["conv3"]}, "similarity: none of the models named has one of the layers"),
        (
            {"unsupervised": {"method": "nmff"}},
            "similarity.unsupervised.method: 'nmff' is none of .*; did you mean 'nmf'",
        ),
        ({"unsupervised": {"thresholds": [1]}}, "similarity.unsupervised.thresholds.0: must be less than 1, got 1"),
        ({"unsupervised": {"n_concepts": 33}}, "similarity.unsupervised.n_concepts"),
        ({"supervised": {"alpha": 0}}, "similarity.supervised.alpha"),
        ({"reference": {"measures": ["ckas"]}}, "similarity.reference.measures.0: 'ckas' is none of .*'cka'"),
        ({"responses": {"kind": []}}, "unknown key 'kind' under 'similarity.responses'; did you mean 'kinds'"),
    ],
)
def test_mistakes_about_similarity(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, similarity=SIMILARITY | section)


def test_similarity_needs_stored_activations_where_it_compares(tmp_path: Path) -> None:
    layers = "model\tlayer\tmodule\tstore\n18\ta\tb\tnone\n18\tc\td\nrandom-18\ta\tb\tnone\n"
    with pytest.raises(ValueError, match="layer 18 a: similarity needs store 'full', the sheet says 'none'"):
        study(tmp_path, NO_BASES | {"layers": layers}, dissection={"models": []}, similarity=SIMILARITY)


@pytest.mark.parametrize(("name", "message"), [("models", "figures of"), ("summary", "the table"), ("18_sfss", "'18'")])
def test_a_model_cannot_be_called_as_another_table_of_similarity(tmp_path: Path, name: str, message: str) -> None:
    sheets = {sheet: SHEETS[sheet].replace("random-18", name) for sheet in ("models", "layers")}
    assert study(tmp_path, sheets).compared() == []
    with pytest.raises(ValueError, match=f"model '{name}'.*{message}.*something else"):
        study(tmp_path, sheets, similarity=SIMILARITY)


def test_how_a_model_was_trained_is_free_text(tmp_path: Path) -> None:
    assert study(tmp_path).models["18"]["supervision"] == ""
    text = "model\tsource\tarchitecture\tsupervision\n18\tdemo\tplain\tlabels, 10 classes\nrandom-18\tdemo\tplain\t\n"
    assert study(tmp_path, {"models": text}).models["18"]["supervision"] == "labels, 10 classes"


def test_a_step_along_the_gradient_is_refused_for_models_without_class_scores(tmp_path: Path) -> None:
    step = {"perturbations": "level\tkind\tamount\nstep\tfgsm\t4\n"}
    assert with_levels(tmp_path, step).perturbed()
    detector = replaced("models", "18\tdemo\tplain", "18\ttorchvision\tssd300_vgg16")
    with pytest.raises(ValueError, match="level step: fgsm needs class scores, model 18 is a detector; name the other"):
        with_levels(tmp_path, step | detector)
    assert with_levels(tmp_path, step | detector, robustness={"models": ["random-18"]}).perturbed()


COUNTS = "model\tlayer\tmodule\tstore\n18\ta\tb\tcounts\n18\tc\td\tfull\nrandom-18\ta\tb\tfull\n"


def counted_study(tmp_path: Path, **config: Any) -> Any:
    return study(tmp_path, {"layers": COUNTS, "bases": SHEETS["bases"].splitlines()[0] + "\n"}, **config)


def test_layers_that_keep_counts_are_dissected_and_left_out_of_what_reads_maps(tmp_path: Path) -> None:
    found = counted_study(tmp_path, **{name: {"datasets": None} for name in ("net2vec", "similarity", "principal")})
    counted = ("scenes", "18", "a")
    rest = [("scenes", "18", "c"), ("scenes", "random-18", "a")]
    assert found.counted() == [("scenes", "18", "main")]
    assert [row["layer"] for row in found.counted_layers("scenes", "18", "main")] == ["a"]
    assert found.counted_layers("scenes", "random-18") == []
    for layers in (found.on_axes(), found.principal(), found.learned(), found.compared()):
        assert counted not in layers
        assert layers == rest
    assert [row["layer"] for row in found.perturbed_layers("18")] == ["c"]
    (note,) = left_out(found.config, found.layers.values(), [])
    names = "net2vec, similarity, axes, principal"  # robustness is off: no level is listed
    assert note == f"layer 18 a keeps no maps (store: counts): {names} leave it out"
    assert counted_study(tmp_path, dissection={"models": ["random-18"]}).counted() == []


@pytest.mark.parametrize("section", ["axes", "principal", "net2vec", "similarity"])
def test_what_reads_maps_refuses_a_counted_layer_that_it_names(tmp_path: Path, section: str) -> None:
    with pytest.raises(ValueError, match=f"layer 18 a: {section} needs store 'full', the sheet says 'counts'"):
        counted_study(tmp_path, **{section: {"datasets": None, "layers": ["a"]}})


def test_counted_layers_are_float16_and_thresholded_as_stored(tmp_path: Path) -> None:
    sheets = {"layers": COUNTS.replace("store", "store\tdtype").replace("counts", "counts\tfloat32")}
    sheets["bases"] = SHEETS["bases"].splitlines()[0] + "\n"
    with pytest.raises(ValueError, match="layer 18 a: dtype float32 needs store full"):
        study(tmp_path, sheets)
    with pytest.raises(ValueError, match=r"layer 18 a: thresholds.threshold_on 'upsampled' reads maps"):
        counted_study(tmp_path, thresholds={"threshold_on": "upsampled"})
    with pytest.raises(ValueError, match=r"basis pca: layer 18 a must have store 'full'"):
        study(tmp_path, {"layers": COUNTS, "bases": SHEETS["bases"].replace("conv5", "a")})
