"""Columns of the robustness tables, with what each number means."""

from __future__ import annotations

from conceptatlas.tables import PLACE, Column

_LEVEL = [
    Column("level", "level of perturbation, a row of perturbations.tsv"),
    Column("kind", "none, noise, rotation, patches or fgsm, with the options that are not the default's"),
    Column(
        "amount",
        "noise: s of s U[0,1] on the 0..255 scale; rotation: degrees; patches: g of g x g (patch_px: px); "
        "fgsm: step epsilon on that scale",
    ),
    Column("repeat", "0, 1, ... among levels of one kind and amount, which differ in their seed"),
]
_AGREEMENT = "IoU of the clean mask and the perturbed mask moved back, cells that are not seen left out"

UNIT_COLUMNS = [
    *PLACE,
    *_LEVEL,
    Column("unit", "unit of the layer, from 0"),
    Column("concept", "the unit's label on clean images: the concept with the highest iou_category"),
    Column("category", "its primary category"),
    Column("iou_clean", "iou_category of that label on clean images"),
    Column("iou", "iou_category of the same label on perturbed images, its masks moved; thresholds of the clean run"),
    Column("ci_low", "lower end of iou's percentile interval over resampled blocks of images"),
    Column("ci_high", "upper end of that interval; missing below 8 blocks with the concept"),
    Column("iou_change", "iou - iou_clean"),
    Column("change_low", "lower end of iou_change's interval: both IoUs on the same resampled blocks"),
    Column("change_high", "upper end of that interval"),
    Column("best_concept", "concept with the highest iou_category on perturbed images"),
    Column("best_category", "its primary category"),
    Column("best_iou", "its iou_category on perturbed images"),
    Column("is_detector_clean", "iou_clean exceeds the cut"),
    Column("is_kept", "a clean detector whose best label on perturbed images is the clean one, above the cut"),
    Column("is_lost", "a clean detector none of whose labels is above the cut on perturbed images"),
    Column("is_relabelled", "a clean detector whose best label on perturbed images is another one, above the cut"),
    Column("agreement", f"mean over images of the {_AGREEMENT}; images with two empty masks do not count"),
    Column("agreement_low", "lower end of its interval over resampled blocks of images"),
    Column("agreement_high", "upper end of that interval; missing below 8 blocks with such images"),
    Column("n_defined", "images with a cell in the clean or the perturbed mask", "images"),
]


def _share(name: str, verb: str, meaning: str) -> list[Column]:
    return [
        Column(f"share_{name}", f"share of the clean detectors that {verb}: {meaning}"),
        Column(f"{name}_low", "lower end of its interval over resampled blocks of images, around the share"),
        Column(f"{name}_high", "upper end of that interval"),
    ]


SUMMARY_COLUMNS = [
    *PLACE,
    *_LEVEL,
    Column("category", "category of the clean label; empty for all together"),
    Column("n_detectors_clean", "units that are detectors on clean images", "units"),
    *_share("kept", "are kept", "best label unchanged and above the cut"),
    *_share("lost", "are lost", "no label above the cut"),
    *_share("relabelled", "are relabelled", "another best label, above the cut; kept, lost and relabelled make 1"),
    Column("iou_clean", "mean over the clean detectors of the clean label's iou_category on clean images"),
    Column("iou", "mean over the clean detectors of the clean label's iou_category on perturbed images"),
    Column("iou_low", "lower end of its percentile interval over resampled blocks of images"),
    Column("iou_high", "upper end of that interval"),
    Column("retained", "iou / iou_clean"),
    Column("retained_low", "lower end of its percentile interval: both on the same resampled blocks"),
    Column("retained_high", "upper end of that interval"),
    Column("agreement", f"mean over the clean detectors of the mean over images of the {_AGREEMENT}"),
    Column("agreement_low", "lower end of its percentile interval over resampled blocks of images"),
    Column("agreement_high", "upper end of that interval"),
    Column("n_images", "valid images of the data set", "images"),
    Column("detector_iou", "IoU that a detector exceeds"),
]

CONCEPT_COLUMNS = [
    *PLACE,
    Column("kind", "none, noise, rotation, patches or fgsm, with the options that are not the default's"),
    Column("concept", "label of detectors on clean images"),
    Column("category", "its primary category"),
    Column("n_detectors", "clean detectors with this label", "units"),
    Column("iou_clean", "mean over them of iou_category on clean images"),
    Column(
        "retained", "mean over them and over the levels of the kind of iou_category on perturbed images / iou_clean"
    ),
    Column("retained_low", "lower end of its percentile interval: all on the same resampled blocks of images"),
    Column("retained_high", "upper end of that interval; missing below 8 blocks with the concept"),
]
