"""Our Muon does what torch's does, in float32."""

from __future__ import annotations

import pytest
import torch

from factory.base.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 64, 128), (2, 64, 160), (2, 160, 64)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    given = torch.randn(shape)
    found = orthogonal(given)
    values = torch.linalg.svdvals(found)
    assert found.shape == given.shape and values.min() > 0.4 and values.max() < 1.4
    left, _, right = torch.linalg.svd(given, full_matrices=False)
    cosine = torch.nn.functional.cosine_similarity(found.flatten(1), (left @ right).flatten(1))
    assert cosine.min() > 0.95


def test_a_matrix_alone_and_among_others_is_moved_alike() -> None:
    torch.manual_seed(0)
    many = torch.randn(4, 32, 96)
    assert torch.allclose(orthogonal(many)[2], orthogonal(many[2:3])[0], atol=1e-5)


def test_five_steps_are_those_of_torch_within_its_bfloat16() -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(64, 96), torch.randn(5, 64, 96)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (
        Muon([ours], lr=0.01, weight_decay=0.1),
        torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for gradient in gradients:
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    moved, wanted = ours.detach() - start, theirs.detach() - start
    assert torch.nn.functional.cosine_similarity(moved.flatten(), wanted.flatten(), dim=0) > 0.995
    assert (moved.norm() / wanted.norm()).item() == pytest.approx(1.0, abs=0.02)
