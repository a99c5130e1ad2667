"""Fused kernels in place of a base's own layers while it is trained: Liger's norms, rotary embedding and feed-forward.

Liger Kernel (Hsu et al. 2024) is the optional extra `gpu`. Its fused loss stays off: the loss here is kept by row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from factory.errors import Mistake

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OFF = "or set train.liger=false"


def there(wanted: bool, device: str) -> None:
    """Mistake where the kernels are asked for and this machine has no GPU, or not the package."""
    if wanted and device != "cuda":
        raise Mistake("train.liger=true", "its kernels run on a GPU, and there is none in use here", f"use one, {OFF}")
    if wanted and find_spec("liger_kernel") is None:
        raise Mistake("train.liger=true", "liger-kernel is not installed", f"pip install 'factory-slm[gpu]', {OFF}")


@contextmanager
def liger(model: PreTrainedModel, wanted: bool) -> Iterator[None]:
    """Inside, the base computes with Liger's kernels where that is `wanted`; afterwards it is as it was before.

    Liger writes into the layers and into the architecture's module, where later bases would find it; a base is shared by
    jobs that want it and jobs that do not, so all of that is taken back. Mistake where it has no kernels for the base.
    """
    if not wanted:
        yield
        return
    from liger_kernel.transformers import _apply_liger_kernel_to_instance
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

    kind = model.config.model_type
    if kind not in MODEL_TYPE_TO_APPLY_LIGER_FN:
        raise Mistake("train.liger=true", f"liger-kernel has no kernels for {kind}", "set train.liger=false")
    places = [vars(sys.modules[type(model).__module__]), *map(vars, model.modules())]
    before = [dict(place) for place in places]
    with ExitStack() as undo:
        try:
            _apply_liger_kernel_to_instance(model, cross_entropy=False, fused_linear_cross_entropy=False)
        finally:
            for place, was in zip(places, before, strict=True):
                changed = [name for name in place if name not in was or place[name] is not was[name]]
                undo.callback(put_back, place, was, changed)
        yield


def put_back(place: dict[str, Any], was: Mapping[str, Any], names: Sequence[str]) -> None:
    """Gives names in a namespace the values they had, or takes them out where they had none."""
    for name in names:
        if name in was:
            place[name] = was[name]
        else:
            place.pop(name, None)
