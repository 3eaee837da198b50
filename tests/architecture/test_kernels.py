"""Compiled kernels call only kernels of their own file: numba's cache on disk does not notice a change of another."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from numba.core.dispatcher import Dispatcher

import conceptatlas

PARTS = (
    "streaming",
    "masks",
    "inference",
    "dissection",
    "activations",
    "net2vec",
    "similarity",
    "vocabularies",
    "falcon",
    "quantification",
)


def modules():
    for part in PARTS:
        package = importlib.import_module(f"conceptatlas.{part}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(module.name)


def kernels(module):
    return {name: value for name, value in vars(module).items() if isinstance(value, Dispatcher)}


def test_there_are_kernels():
    assert sum(bool(kernels(module)) for module in modules()) >= 5
    assert conceptatlas.__name__ == "conceptatlas"


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_kernels_call_kernels_of_their_own_file_only(module):
    for name, kernel in kernels(module).items():
        if kernel.py_func.__module__ != module.__name__:
            continue  # imported for Python code
        called = [vars(module).get(other) for other in kernel.py_func.__code__.co_names]
        foreign = [k for k in called if isinstance(k, Dispatcher) and k.py_func.__module__ != module.__name__]
        assert not foreign, f"{name} calls {foreign}: move it into {module.__name__}"


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_kernels_round_as_written(module):
    """fastmath would let the kernels differ from their slow twins; parallel would share the machine's threads."""
    for name, kernel in kernels(module).items():
        assert not kernel.targetoptions.get("fastmath"), name
        assert not kernel.targetoptions.get("parallel"), name
