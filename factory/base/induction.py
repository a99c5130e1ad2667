"""Attention heads set by hand before training, so that a base copies from its first steps.

What a small model learns last is what a specialist needs first: to find where the words at hand stood before, and to say
what came after them. Trained models do it with two layers of heads (induction heads, Olsson et al. 2022): the first
writes beside each token what stood before it, the second looks for the place whose token before is the token at hand,
and copies from there. Here such heads are the start (as in mimetic initialisation, Trockman and Kolter 2023), nothing
more: every weight is trained on, and the network stays a plain Llama. What it is worth: docs/decisions/nano-tried.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory.errors import ConfigMistake

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

SPREAD = 0.1
"""Standard deviation of an embedding's entries."""
MARK = 0.6
"""The first entry of every embedding, the same for all: what a head that looks by place alone holds on to."""
STEEP = 33.0
"""Of a look by place: the neighbour of the place looked for gets less than a tenth of its attention."""
MATCH = 1.5
"""Of a look for a token: scale of query and of key."""
WRITE = 0.25
"""Scale of what a head writes, beside embeddings of length 1.4."""
FAST = 6
"""Pairs of a head's entries that the rotary embedding turns fastest: they tell places apart, the slow ones what is there."""
HEADS = 3
"""That are set in each of the two layers."""


def set_heads(model: LlamaForCausalLM) -> None:
    """Sets the embeddings and the first three heads of the first two layers in place, with torch's random state.

    The first layer's heads write the token one back, the same in other directions, and the token two back. The second
    layer's look for a token by each of the first two, and for two tokens in a row.

    Raises:
        ConfigMistake: the network is too small for them.
    """
    import torch

    shape = model.config
    width, heads = shape.hidden_size, shape.num_attention_heads
    size = width // heads
    fewest = 2 + HEADS + 1  # one direction more than are read and written
    if shape.num_hidden_layers < 2 or heads < fewest or size <= 2 * FAST:
        few = f"{shape.num_hidden_layers} layers and {heads} heads of {size} entries"
        needed = f"induction needs 2 layers and {fewest} heads of {2 * FAST + 2} entries"
        raise ConfigMistake("pretrain.architecture", f"{few}, but {needed}", "set pretrain.induction=false")
    embeddings = model.get_input_embeddings().weight
    turns = model.model.rotary_emb.inv_freq
    slow = [entry for entry in range(size) if entry % (size // 2) >= FAST]
    first, second = (model.model.layers[layer].self_attn for layer in (0, 1))
    parts = [slice(head * size, (head + 1) * size) for head in range(HEADS)]
    one, other, *written = directions(width, 2 + HEADS, size)
    with torch.no_grad():
        embeddings.normal_(0, SPREAD)
        embeddings[:, 0] = MARK
        for part, distance, tokens, place in zip(parts, (1, 1, 2), (one, other, one), written, strict=True):
            query, key = look_back(width, size, distance, turns)
            first.q_proj.weight[part], first.k_proj.weight[part] = query, key
            first.v_proj.weight[part], first.o_proj.weight[:, part] = tokens, WRITE * place.T
        back, again, twice = written
        for part, wanted in zip(parts, ([(one, back)], [(other, again)], [(other, again), (back, twice)]), strict=True):
            query, key = look_for(width, size, slow, wanted)
            second.q_proj.weight[part], second.k_proj.weight[part] = query, key
            (copied,) = directions(width, 1, size)
            second.v_proj.weight[part], second.o_proj.weight[:, part] = copied, WRITE * copied.T


def look_back(width: int, size: int, back: int, turns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Query and key, (size, width), of a head that attends to the place so many tokens back, whatever stands there."""
    import torch

    marked = MARK / ((MARK**2 + SPREAD**2 * (width - 1)) / width) ** 0.5  # after the norm
    strength, angle = STEEP**0.5 / marked, back * turns[:FAST]
    query, key = torch.zeros(2, size, width)
    query[:FAST, 0] = strength
    key[:FAST, 0] = strength * angle.cos()
    key[size // 2 : size // 2 + FAST, 0] = strength * angle.sin()
    return query, key


def look_for(
    width: int, size: int, slow: list[int], wanted: list[tuple[torch.Tensor, torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Query and key, (size, width), of a head that attends to where the second of each pair holds the first of it here."""
    import torch

    query, key = torch.zeros(2, size, width)
    for number, (here, there) in enumerate(wanted):
        entries = slow[number :: len(wanted)]
        query[entries] = MATCH * here[: len(entries)]
        key[entries] = MATCH * there[: len(entries)]
    return query, key


def directions(width: int, heads: int, size: int) -> list[torch.Tensor]:
    """Orthonormal random directions, (size, width) for each head, none of them along the mark or another's."""
    import torch

    basis = torch.linalg.qr(torch.randn(width - 1, heads * size))[0]
    return list(torch.cat([torch.zeros(heads * size, 1), basis.T], dim=1).split(size))
