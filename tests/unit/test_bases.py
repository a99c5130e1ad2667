"""The shapes that a GPU is measured on are those of the bases they are named after."""

from __future__ import annotations

import pytest

from factory import config
from tests import bases


@pytest.mark.parametrize("name", bases.SHAPES)
def test_a_shape_has_the_parameters_of_its_base(name: str) -> None:
    from transformers import AutoConfig

    shape = dict(bases.SHAPES[name])
    blank = bases.blank(AutoConfig.for_model(shape.pop("model_type"), **shape))
    asked = config.load([f"base={name}"]).base
    assert sum(value.numel() for value in blank.parameters()) == asked.parameters
    assert ("num_experts" in shape) == (asked.architecture == "moe")
