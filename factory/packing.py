"""4-bit weights as bitsandbytes holds them: unpacked for training, and on a CPU packed anew only where that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def unpack(model: PreTrainedModel) -> None:
    """For training: puts a plain linear layer with the dequantised values in place of every 4-bit one.

    The base computes with the same numbers as before, without unpacking them in every forward and backward pass. An
    adapter trained on it is the one that would be trained on the packed base, up to the order of float sums.
    """
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    for parent in list(model.modules()):
        for name, packed in list(parent.named_children()):
            if isinstance(packed, Linear4bit):
                values = dequantize_4bit(packed.weight.data, packed.weight.quant_state).to(packed.compute_dtype)
                plain = torch.nn.Linear(packed.in_features, packed.out_features, packed.bias is not None, device="meta")
                plain.weight = torch.nn.Parameter(values, requires_grad=False)
                plain.bias = packed.bias
                setattr(parent, name, plain)


def stay_unpacked(model: PreTrainedModel) -> None:
    """For training: keeps bitsandbytes from repacking 4-bit weights at their first inference on a CPU with AVX512-BF16.

    Repacking rounds the scales to bfloat16, and saving a checkpoint unpacks them without undoing that: a training that
    has looked at its dev rows goes on with another base than one that resumes (measured: the bytes differ).
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


@contextmanager
def staying_packed(model: PreTrainedModel) -> Iterator[None]:
    """Gives a base its 4-bit weights back as they were packed for inference, where bitsandbytes does that.

    PEFT looks at every weight when it attaches an adapter; bitsandbytes unpacks them for that, and rounds their scales anew
    at the next inference. So the base drifted with every adapter that a process attached (measured on nano, summed loss of
    16 conversations: 107.914, 107.929, 108.024 nats), and an adapter sat its exam on another base than the one beside it.
    """
    held = [
        (weight, weight.data, copy(weight.quant_state))
        for weight in model.parameters()
        if getattr(getattr(weight, "quant_state", None), "packing_format_for_cpu", False)
    ]
    yield
    for weight, data, state in held:
        weight.data, weight.quant_state = data, state
