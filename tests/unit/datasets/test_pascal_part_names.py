"""Words for the short names of PASCAL-Part."""

from __future__ import annotations

import pytest

from conceptatlas.datasets import pascal_part_names
from conceptatlas.datasets.pascal_part_names import SIDES, part_name, short_names

# part2ind.m of the data set, class by class: what each kind of object may have
PARTS = {
    "aeroplane": "body stern lwing rwing tail engine_1 wheel_10",
    "bicycle": "fwheel bwheel saddle handlebar chainwheel headlight_1",
    "bird": "head leye reye beak torso neck lwing rwing lleg lfoot rleg rfoot tail",
    "bottle": "cap body",
    "bus": "frontside leftside rightside backside roofside leftmirror rightmirror fliplate bliplate door_1 wheel_1 "
    "headlight_1 window_20",
    "cat": "head leye reye lear rear nose torso neck lfleg lfpa rfleg rfpa lbleg lbpa rbleg rbpa tail",
    "cow": "head leye reye lear rear muzzle lhorn rhorn torso neck lfuleg lflleg rfuleg rflleg lbuleg lblleg rbuleg "
    "rblleg tail",
    "horse": "lfho rfho lbho rbho",
    "person": "head leye reye lear rear lebrow rebrow nose mouth hair torso neck llarm luarm lhand rlarm ruarm rhand "
    "llleg luleg lfoot rlleg ruleg rfoot",
    "pottedplant": "pot plant",
    "train": "head hfrontside hleftside hrightside hbackside hroofside headlight_1 coach_1 cfrontside_1 cleftside_1 "
    "crightside_1 cbackside_1 croofside_1",
    "tvmonitor": "screen",
}


def test_all_parts_of_the_data_set_have_words():
    known = {part.rpartition("_")[0] or part for parts in PARTS.values() for part in parts.split()}
    assert known == set(short_names())


@pytest.mark.parametrize(
    ("short", "kept", "merged"),
    [
        ("head", "head", "head"),
        ("lear", "left ear", "ear"),
        ("rear", "right ear", "ear"),
        ("llleg", "left lower leg", "leg"),
        ("lfpa", "left front paw", "paw"),
        ("rbho", "right back hoof", "hoof"),
        ("lebrow", "left eyebrow", "eyebrow"),
        ("fliplate", "front license plate", "license plate"),
        ("bwheel", "back wheel", "wheel"),
        ("chainwheel", "chain wheel", "chain wheel"),
        ("wheel_1", "wheel", "wheel"),
        ("window_20", "window", "window"),
        ("leftmirror", "left mirror", "mirror"),
        ("roofside", "roof side", "roof"),
        ("croofside_2", "coach roof side", "coach roof"),
        ("hfrontside", "head front side", "head"),
        ("leftside", "left side", "side"),
        ("gizmo_3", "gizmo", "gizmo"),
    ],
)
def test_names(short, kept, merged):
    assert part_name(short, merge=False) == kept
    assert part_name(short, merge=True) == merged


def test_words_and_letters_agree():
    """l, r, f, b, u of a limb's short name say left, right, front, back, upper; the table was made by hand."""
    letters = {"left": "l", "right": "r", "front": "f", "back": "b", "upper": "u", "lower": "l"}
    for short, words in short_names().items():
        sides = [word for word in words.split() if word in SIDES and word != "side"]
        spelled = sides and short.startswith("".join(sides).removesuffix("side"))
        prefix = "".join(letters[side] for side in sides)
        assert spelled or short.removeprefix("h").removeprefix("c").startswith((prefix, *sides)), (short, words)


def test_another_table_is_refused(monkeypatch):
    monkeypatch.setattr(pascal_part_names, "TABLE_DIGEST", "0" * 16)
    short_names.cache_clear()
    with pytest.raises(ValueError, match=r"pascal_part_names.tsv: digest .*, the code expects 0000"):
        short_names()
    short_names.cache_clear()
