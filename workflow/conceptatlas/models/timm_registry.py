"""Registered weights of timm: where the file of a pretrained tag lies on this machine, downloaded if needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of weights in timm's repositories, the safe one first."""


def registry_file(configuration: Any, *, model: str) -> Path:
    """Path of the weights of a pretrained configuration (`timm.models.get_pretrained_cfg`).

    Raises
    ------
    ValueError
        where they are neither on this machine nor to be had, with what to fetch and where to name it.
    """
    if configuration.hf_hub_id:
        repository, _, revision = str(configuration.hf_hub_id).partition("@")
        names = (configuration.hf_hub_filename,) if configuration.hf_hub_filename else FILES
        address = f"https://huggingface.co/{repository}"
        for name in names:  # what is here is used as it is: nobody is asked whether there is a newer one
            cached = try_to_load_from_cache(repository, name, revision=revision or None)
            if isinstance(cached, str):
                return Path(cached)
        reason: Exception | str = ""
        for name in names:
            try:
                return Path(hf_hub_download(repository, name, revision=revision or None, library_name="timm"))
            except LocalEntryNotFoundError as error:  # no network; derived from the next
                reason = reason or error
            except EntryNotFoundError:
                continue
            except (HfHubHTTPError, OSError) as error:
                reason = reason or error
        raise _out_of_reach(model, configuration, f"{' or '.join(names)} of {address}", reason)
    if configuration.url:
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(configuration.url).name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                torch.hub.download_url_to_file(configuration.url, str(path), progress=False)
            except OSError as error:  # urllib's errors are such
                raise _out_of_reach(model, configuration, configuration.url, error) from None
        return path
    raise ValueError(f"model {model!r}: timm names no file for {configuration.architecture}.{configuration.tag}")


def _out_of_reach(model: str, configuration: Any, address: str, reason: Exception | str) -> ValueError:
    said = str(reason).strip().splitlines()
    return ValueError(
        f"model {model!r}: weights {configuration.tag!r} of {configuration.architecture} are not on this machine and "
        f"cannot be downloaded ({said[0] if said else 'no such file'}). Fetch {address} elsewhere and give its path in "
        f"column `weights` of the sheet, with `{configuration.architecture}.{configuration.tag}` as architecture"
    )
