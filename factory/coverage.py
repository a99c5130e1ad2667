"""What of a base an adapter reaches: which layers it may sit on, which of them learnt, and what 4-bit loading left as it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factory.config import Lora
from factory.errors import DataMistake, Mistake, closest

if TYPE_CHECKING:
    import torch

NAMED = 3
"""Names on one line."""
MEGA = 2**20


def routers(model: torch.nn.Module) -> list[str]:
    """The modules that choose experts, by name: an adapter leaves them alone unless asked."""
    return [
        name
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Router") or name.endswith("shared_expert_gate")
    ]


def gates(model: torch.nn.Module) -> list[str]:
    """The weights of routers that are no linear layers, as PEFT is told of them; Mistake where a base has no routers."""
    import torch

    found = routers(model)
    if not found:
        raise Mistake("train.lora.gate=true", "this base has no routers", "leave it out: gate=false")
    return sorted(
        {
            f"{name.rpartition('.')[2]}.weight"
            for name in found
            if not isinstance(model.get_submodule(name), torch.nn.Linear)
        }
    )


def kinds(model: torch.nn.Module) -> list[str]:
    """The last part of the name of every linear layer but the head: what an adapter on all of them targets."""
    import torch

    names = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    return sorted({name.rpartition(".")[2] for name in names} - {"lm_head"})


def fitting(model: torch.nn.Module, settings: Lora) -> None:
    """Mistake where a target names nothing in this base, or the rank is larger than a layer it would sit on."""
    import torch

    shapes = {
        name: (module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    there = kinds(model)
    targets = there if settings.targets == "all-linear" else settings.targets
    for target in targets:
        if not any(ends(name, target) for name in shapes):
            raise Mistake(f"train.lora.targets={target}", "matches no layer of this base", closest(target, there))
    parameters = {name: parameter.shape for name, parameter in model.named_parameters() if parameter.dim() == 3}
    blocks = sorted({".".join(name.split(".")[-3:]) for name in parameters})
    for target in settings.experts:
        if not any(ends(name, target) for name in parameters):
            raise Mistake(
                f"train.lora.experts={target}", "matches no block of experts of this base", closest(target, blocks)
            )
    narrow = [(min(shape), name) for name, shape in shapes.items() if any(ends(name, target) for target in targets)]
    narrow += [
        (min(shape[1:]), name) for name, shape in parameters.items() if any(ends(name, one) for one in settings.experts)
    ]
    if settings.gate:
        own = gates(model)
        narrow += [(min(p.shape), name) for name, p in model.named_parameters() if any(ends(name, one) for one in own)]
    left = set() if settings.gate else set(routers(model))
    least, name = min(one for one in narrow if one[1] not in left)
    if settings.rank > least:
        raise Mistake(f"train.lora.rank={settings.rank}", f"{name} is only {least} wide", f"take {least} or less")


def ends(name: str, target: str) -> bool:
    """Whether a layer is one of those that a target names."""
    return name == target or name.endswith(f".{target}")


SERVED_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM makes room for (`max_lora_rank`)."""


def serving(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a server of many adapters asks of one, from its PEFT config: room for its rank, and what it may not take."""
    limits = []
    if settings.get("use_dora"):
        limits.append("DoRA: merge it into the base to serve it")
    if settings.get("modules_to_save"):
        limits.append("whole modules beside the adapter (modules_to_save)")
    if settings.get("target_parameters"):
        limits.append("adapted experts: not every server of adapters takes them")
    room = next((rank for rank in SERVED_RANKS if rank >= settings["r"]), None)
    if room is None:
        limits.append(f"rank {settings['r']} is above {SERVED_RANKS[-1]}")
    return {"max_lora_rank": room, "limits": limits}


@dataclass(frozen=True)
class Coverage:
    """The adapted modules, all of which learnt, and the experts of every block that did not."""

    modules: int
    blocks: int
    experts: int
    still_experts: dict[str, list[int]]

    def line(self) -> str:
        """For people."""
        said = f"{self.modules} adapted modules learnt"
        if not self.blocks:
            return said
        still = sum(map(len, self.still_experts.values()))
        return f"{said}, {self.experts - still} of {self.experts} experts in {self.blocks} blocks"


def outset(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The outer factors of an adapter as training finds them."""
    return {name: value.detach().clone() for name, value in outer(model).items()}


def outer(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Every outer factor (B) of the adapter that is trained: it moves as soon as its module receives a gradient."""
    return {name: value for name, value in model.named_parameters() if ".lora_B.default" in name}


def reached(model: torch.nn.Module) -> None:
    """Before the first update: DataMistake where an adapted module has no gradient, whatever was printed about it."""
    refuse(
        [
            module_of(name)
            for name, value in outer(model).items()
            if value.grad is None or not bool(value.grad.detach().any())
        ]
    )


def refuse(still: list[str]) -> None:
    """DataMistake names modules that an adapter sits on and that do not learn."""
    if still:
        more = f" and {len(still) - NAMED} more" if len(still) > NAMED else ""
        raise DataMistake(
            "train, coverage",
            f"{len(still)} adapted modules received no gradient: {', '.join(still[:NAMED])}{more}",
            "something froze them; leave them out of train.lora.targets or train.lora.experts, or report it",
        )


def module_of(name: str) -> str:
    """The base's name of the module that an outer factor belongs to."""
    return name.partition(".lora_B")[0].removeprefix("base_model.model.").replace(".base_layer", "")


def coverage(model: torch.nn.Module, start: Mapping[str, torch.Tensor]) -> Coverage:
    """What moved since the start; DataMistake where a whole module did not: it was frozen, or nothing reaches it."""
    still, quiet, blocks, experts = [], {}, 0, 0
    for name, value in outer(model).items():
        module = module_of(name)
        moved = value.detach() != start[name]
        if not bool(moved.any()):
            still.append(module)
        count = getattr(model.get_submodule(name.partition(".lora_B")[0]), "num_experts", 1)
        if count > 1:
            blocks, experts = blocks + 1, experts + count
            each = moved.reshape(moved.shape[0], -1, count).flatten(0, 1).any(0)  # PEFT: (out, rank x experts)
            if not bool(each.all()):
                quiet[module] = [number for number, one in enumerate(each.tolist()) if not one]
    refuse(still)
    return Coverage(len(outer(model)), blocks, experts, quiet)


def unquantised(model: torch.nn.Module) -> dict[str, tuple[int, int]]:
    """What 4-bit loading left in full precision: kind of parameter -> how many numbers, bytes. Vectors do not count."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, value in model.named_parameters():
        if value.dim() > 1 and type(value).__name__ != "Params4bit":
            kind = ".".join(part for part in name.split(".") if not part.isdigit())
            found[kind][0] += value.numel()
            found[kind][1] += value.numel() * value.element_size()
    return {kind: (numbers, size) for kind, (numbers, size) in found.items()}


def weight_bytes(model: torch.nn.Module) -> int:
    """What all weights take."""
    return sum(value.numel() * value.element_size() for value in model.parameters())


def told(left: Mapping[str, tuple[int, int]], whole: int, kind: str) -> str:
    """One line: what is not in 4 bit, the largest first, and what share of the base's bytes it is."""
    if kind == "none":
        return f"the base as it is, {whole / MEGA:,.1f} MiB"
    largest: Sequence[tuple[str, tuple[int, int]]] = sorted(left.items(), key=lambda one: -one[1][1])
    named = ", ".join(f"{name} {size / MEGA:,.1f} MiB" for name, (_, size) in largest[:NAMED])
    total = sum(size for _, size in left.values())
    return f"not in 4 bit: {total / MEGA:,.1f} of the base's {whole / MEGA:,.1f} MiB ({total / whole:.0%}): {named}"
