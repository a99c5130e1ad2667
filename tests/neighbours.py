"""A row alone and between others of a pack: what it costs it to have neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def beside(model: Any, device: str) -> list[torch.Tensor]:
    """The logits of one row of 31 tokens, (tokens, vocabulary): alone, between rows of 17 and 23, and between two others."""
    import torch

    from factory.stages.watch import ROW, Rows

    draw = torch.Generator().manual_seed(0)

    def row(length: int) -> dict[str, Any]:
        ids = torch.randint(20, 500, (length,), generator=draw).tolist()
        return {"input_ids": ids, "labels": ids, ROW: 0}

    def logits(rows: list[dict[str, Any]], first: int) -> torch.Tensor:
        batch = Rows(0, padding_free=True)(rows)
        batch.pop(ROW), batch.pop("labels")
        given = {name: value.to(device) if torch.is_tensor(value) else value for name, value in batch.items()}
        with torch.inference_mode():
            return model(**given, use_cache=False).logits[0, first : first + 31]

    one = row(31)
    return [logits([one], 0), *(logits([row(17), one, row(23)], 17) for _ in range(2))]
