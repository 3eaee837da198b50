"""Files of a study that lie in a bucket (S3), where no shared folder holds them.

Snakemake brings declared inputs to a job and outputs, logs and benchmark files to the bucket. What is left for this
module are files that no rule can declare as inputs: the benchmark files of all jobs, which the run record sums up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

VARIABLE = "SNAKEMAKE_STORAGE_S3_"
"""Environment variables of Snakemake's S3 plugin begin with this: credentials are never params of a job."""


def fetch_folder(folder: str, into: str | Path, *, prefix: str, endpoint: str | None, region: str | None) -> int:
    """Copy all objects below a folder of the bucket.

    Parameters
    ----------
    folder : relative to `prefix`, as rules name it: "results/demo/benchmarks".
    into : local folder; the objects keep their places below `folder`.
    prefix : "s3://bucket" or "s3://bucket/place", as given to Snakemake as default storage prefix.
    endpoint, region : of the server; None for those of the environment, else Amazon's.

    Returns
    -------
    Number of files copied.

    Raises
    ------
    ValueError
        for a prefix that is no address of a bucket.
    """
    place = urlparse(prefix)
    if place.scheme != "s3" or not place.netloc:
        raise ValueError(f"storage prefix {prefix!r}, expected s3://bucket or s3://bucket/place")
    key = "/".join(part for part in (place.path.strip("/"), folder.strip("/")) if part) + "/"
    bucket = _connect(endpoint, region).Bucket(place.netloc)
    n_files = 0
    for found in bucket.objects.filter(Prefix=key):
        if found.key.endswith("/"):
            continue
        target = Path(into, found.key.removeprefix(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(found.key, str(target))
        n_files += 1
    return n_files


def _connect(endpoint: str | None, region: str | None, environment: Mapping[str, str] = os.environ) -> Any:
    """The service as Snakemake's plugin sees it; without its variables boto3 looks where it always does."""
    import boto3  # the extra `cluster`; studies on a disk do without

    return boto3.resource(
        "s3",
        endpoint_url=endpoint or environment.get(f"{VARIABLE}ENDPOINT_URL"),
        region_name=region or environment.get(f"{VARIABLE}REGION"),
        aws_access_key_id=environment.get(f"{VARIABLE}ACCESS_KEY"),
        aws_secret_access_key=environment.get(f"{VARIABLE}SECRET_KEY"),
        aws_session_token=environment.get(f"{VARIABLE}TOKEN"),
    )
