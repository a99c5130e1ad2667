"""How a model answers a batch of prompts: greedy or sampled; rows that have ended leave the batch.

A batch lasts as long as its longest answer, and most answers end long before it. So whenever half of the rows have ended,
the other half goes on without them: figures are in docs/benchmarks.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase
    from transformers.cache_utils import Cache


@dataclass(frozen=True)
class Said:
    """An answer: its ids up to and without the stop token, and how sure the model was of it.

    `logprob` is the mean log-probability, in nats, of the tokens that it chose, the stop token among them; none where they
    were sampled.
    """

    ids: list[int]
    logprob: float | None


def answered(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], most: int, **sampling: float
) -> list[Said]:
    """Answers of at most `most` tokens to prompts of ids, padded on the left; greedy, or with `sampling`.

    A sampled batch stays whole: what is drawn for a row hangs on the rows beside it.
    """
    import torch
    from transformers import StaticCache

    stop, width = tokenizer.eos_token_id, max(map(len, prompts))
    ids, mask = padded(prompts, tokenizer.pad_token_id, model.device)
    cache = StaticCache(model.config, max_cache_len=width + most - 1)  # the default one copies itself at every token
    left = torch.arange(len(prompts), device=model.device)
    said = ids.new_full((len(prompts), most), stop)
    logs = torch.zeros(said.shape, device=model.device)

    def noted(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logs[left, ids.shape[1] - width] = scores.amax(1) - scores.logsumexp(1)
        return scores

    def half_ended(ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        ended = (ids[:, width:] == stop).any(1)
        return (2 * ended.sum() >= len(ended)).expand(len(ended))

    with torch.inference_mode():
        while True:
            ids = model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                max_new_tokens=width + most - ids.shape[1],
                do_sample=bool(sampling),
                **sampling,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=stop,
                logits_processor=[] if sampling else [noted],
                stopping_criteria=[half_ended] if not sampling and divisible(cache) else [],
                disable_compile=True,
            )
            written = ids[:, width:]
            said[left, : written.shape[1]] = written
            going = (written != stop).all(1).nonzero().flatten()
            if written.shape[1] == most or not len(going):
                break
            select(cache, going)
            left, ids = left[going], ids[going]
            mask = torch.nn.functional.pad(mask[going], (0, ids.shape[1] - mask.shape[1]), value=1)
    return [until(row, chosen, stop, bool(sampling)) for row, chosen in zip(said.tolist(), logs.tolist(), strict=True)]


def padded(prompts: list[list[int]], pad: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts as ids and mask of one width, padded on the left."""
    import torch

    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=device)
    return ids, torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)


def until(row: list[int], logs: list[float], stop: int, sampled: bool) -> Said:
    """A written row up to its stop token, with the mean of the log-probabilities up to and with it."""
    ended = row.index(stop) if stop in row else len(row)
    count = min(ended + 1, len(row))
    return Said(row[:ended], None if sampled else sum(logs[:count]) / count)


def divisible(cache: Cache) -> bool:
    """Whether rows can leave a static cache: all that it holds of them is keys and values."""
    from transformers.cache_utils import StaticLayer, StaticSlidingWindowLayer

    return all(type(layer) in (StaticLayer, StaticSlidingWindowLayer) for layer in cache.layers)


def select(cache: Cache, rows: torch.Tensor) -> None:
    """Leaves the cache with these rows only."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[rows], layer.values[rows]
