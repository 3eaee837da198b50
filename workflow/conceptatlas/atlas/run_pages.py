"""What the page of the run says: versions, digests, configuration, time by rule, how to make it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conceptatlas.atlas.encoding import write_script
from conceptatlas.files import read_json


def write_record(home: Path, root: Path, plan: dict[str, Any], facts: list[dict[str, Any]]) -> None:
    """Write ``study/record``."""
    record_file, preflight_file = root / "run_record.json", root / "preflight.json"
    digests = [
        {"what": f"data set {dataset['dataset']}", "kind": kind, "digest": about[key]}
        for dataset in plan["datasets"]
        for about in [read_json(root / f"datasets/{dataset['dataset']}/dataset.json")]
        for kind, key in (
            ("list of images (xxh3-128)", "image_list_digest"),
            ("labels (xxh3-128)", "annotations_digest"),
        )
    ]
    reports: dict[str, str] = {}
    for pair in plan["pairs"]:
        for name, path in pair["files"].items():
            if name.startswith("report:"):
                reports.setdefault(f"model {pair['model']}", str(read_json(root / path)["weights_sha256"] or ""))
    digests += [{"what": name, "kind": "weights (SHA-256)", "digest": value} for name, value in reports.items()]
    write_script(
        home,
        "study/record",
        {
            "record": read_json(record_file) if record_file.exists() else {},
            "preflight": read_json(preflight_file) if preflight_file.exists() else {},
            "config": (root / "run_config.yaml").read_text(encoding="utf-8"),
            "digests": digests,
            "study": plan["study"],
            "n_layers": sum(len(model["layers"]) for model in facts),
        },
    )
