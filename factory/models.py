"""The only door to weights: sources of a base, loading it (4-bit or not), attaching an adapter, the contract check.

An adapter's contract is written beside its weights when it is trained and enforced whenever it is loaded: PEFT itself
loads an adapter onto any base without a word. torch and transformers are imported inside the functions that need them.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import chat, config, coverage
from factory.answering import answered
from factory.chat import IGNORED, Tokens
from factory.errors import ContractMismatch, Mistake, Unavailable
from factory.packing import stay_unpacked, staying_packed, unpack
from factory.store import Made, Source, digest, folder_digest

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENIZER_FILES = [
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
]
CONTRACT = "contract.json"


def tokenizer_source(base: config.Base) -> Source:
    """The tokenizer and its template, by content; a hub id by its resolved commit.

    What they are told beyond their files (variables, date, stop) changes the ids, so it is part of the digest where set.
    """
    files = source("base.tokenizer.path", base.tokenizer.path, base.tokenizer.revision, TOKENIZER_FILES)
    asked = base.tokenizer.model_dump(mode="json", exclude={"path", "revision", "without_bos"})
    told = json.dumps({name: value for name, value in asked.items() if value}, sort_keys=True)
    facts = (*files.facts, ("chat", told), ("without_bos", json.dumps(base.tokenizer.without_bos)))
    return Source(files.path, files.digest if told == "{}" else digest([files.digest, told]), facts)


def weights_source(base: config.Base) -> Source:
    """The weights and their config, by content; a hub id by its resolved commit."""
    folder = config.resolve_path(base.weights.path)
    weights = sorted(file.name for file in folder.glob("*.safetensors")) if folder else []
    if folder and not weights:
        raise Mistake(
            f"base.weights.path={base.weights.path}",
            "no safetensors file in this folder",
            "make the embedded base with `make base`, or give a folder in Hugging Face format",
        )
    return source(
        "base.weights.path",
        base.weights.path,
        base.weights.revision,
        ["config.json", "generation_config.json", *weights],
    )


def source(where: str, path: str, revision: str | None, names: list[str]) -> Source:
    """A local folder by the digest of its files, or a hub id by its commit."""
    folder = config.resolve_path(path)
    if folder:
        return Source(folder, folder_digest(folder, names))
    if path.startswith((".", "/", "~", "data/")) or path.count("/") != 1:
        raise Mistake(
            f"{where}={path}", "no such folder", "give a folder in Hugging Face format or a hub id like owner/name"
        )
    commit = hub_commit(path, revision)
    return Source(path, digest([path, commit]), (("revision", commit),))


def hub_commit(path: str, revision: str | None) -> str:
    """The commit a revision means: from the local cache, or asked of the hub where that is allowed."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    cached = try_to_load_from_cache(path, "config.json", revision=revision or "main")
    if isinstance(cached, str):
        return Path(cached).parent.name
    try:
        return HfApi().model_info(path, revision=revision).sha
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        why = "offline" if constants.HF_HUB_OFFLINE else type(error).__name__
        raise Unavailable(
            f"base {path}",
            f"not in the local cache and the hub cannot be asked ({why})",
            "set runtime.offline=false where there is a network, or give base=folder base.weights.path=...",
        ) from None


def go_offline(runtime: config.Runtime) -> None:
    """No telemetry ever; no hub where the configuration says so. Before the libraries are imported."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = str(int(runtime.offline))


def device(runtime: config.Runtime) -> str:
    """cpu or cuda, as the runtime says; Mistake where cuda is asked for and absent."""
    import torch

    torch.set_num_threads(runtime.threads)
    there = torch.cuda.is_available()
    if runtime.device == "cuda" and not there:
        raise Mistake("runtime.device=cuda", "torch sees no GPU here", "use runtime.device=auto")
    return "cuda" if there and runtime.device != "cpu" else "cpu"


def load_tokenizer(tokenizer: Source) -> PreTrainedTokenizerBase:
    """The tokenizer as configured: the one door, so that training, evaluation and use have the same ids.

    Mistake where it has no chat template or no stop token, or knows nothing of what it is told; DataMistake where its
    chats begin with two BOS tokens, or none where plain text has one.
    """
    from transformers import AutoTokenizer

    facts = dict(tokenizer.facts)
    words = AutoTokenizer.from_pretrained(tokenizer.path, revision=facts.get("revision"), trust_remote_code=False)
    if not words.chat_template or words.eos_token_id is None:
        lacking = "chat template" if not words.chat_template else "stop token (eos)"
        raise Mistake(
            f"base.tokenizer.path={tokenizer.path}", f"the tokenizer has no {lacking}", "use an instruct base"
        )
    chat.configure(words, json.loads(facts.get("chat", "{}")))
    chat.refuse_a_wrong_start(words, json.loads(facts.get("without_bos", "false")))
    if words.pad_token_id is None:
        words.pad_token = words.eos_token
    words.padding_side = "left"
    return words


def quiet() -> None:
    """What transformers says goes where all logs go, not between our lines."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.disable_default_handler()
    logging.enable_propagation()


def load_base(weights: Source, settings: config.Weights, runtime: config.Runtime) -> PreTrainedModel:
    """The frozen base as configured: NF4 with double quantisation or as it is; safetensors only, no code but approved."""
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    where = device(runtime)
    with drawn_at_random(weights, settings) as (path, revision):
        model = AutoModelForCausalLM.from_pretrained(
            path,
            revision=revision,
            dtype=getattr(torch, settings.dtype),
            attn_implementation=settings.attention,
            quantization_config=quantisation_config(settings.quantisation),
            device_map={"": where},
            use_safetensors=True,
            trust_remote_code=runs_code(weights, settings.remote_code),
        )
    model.eval()
    return model


def runs_code(weights: Source, approved: str | None) -> bool:
    """Whether the base brings code of its own that may run; Mistake names it, and its digest, where nobody approved that.

    transformers would ask on the terminal, or run whatever the hub holds today.
    """
    if isinstance(weights.path, Path):
        folder = weights.path
    else:
        from huggingface_hub import snapshot_download

        revision = dict(weights.facts).get("revision")
        folder = Path(snapshot_download(weights.path, revision=revision, allow_patterns=["*.py", "config.json"]))
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    settings = json.loads((folder / "config.json").read_text())
    if "auto_map" not in settings or (approved is None and settings.get("model_type") in CONFIG_MAPPING):
        return False  # transformers has this architecture itself
    if elsewhere := [name for name in settings["auto_map"].values() if "--" in str(name)]:
        what = f"its code is another repository's ({elsewhere[0]}), which no digest here covers"
        raise Mistake(f"base.weights.path={weights.path}", what, "copy base and code into one folder: base=folder")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    found = folder_digest(folder, files)
    if found != approved:
        what = f"the base brings code of its own ({', '.join(files)}), " + (
            "and it is not the code of that digest" if approved else "which is not run"
        )
        hint = f"read it, and approve it with base.weights.remote_code={found}"
        raise Mistake(f"base.weights.path={weights.path}", what, hint)
    return True


@contextmanager
def drawn_at_random(weights: Source, settings: config.Weights) -> Iterator[tuple[Path | str, str | None]]:
    """Path and revision to load: the weights as they are, or for a `random_seed` a folder of random ones of their shape."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    revision = dict(weights.facts).get("revision")
    if settings.random_seed is None:
        yield weights.path, revision
        return
    code = runs_code(weights, settings.remote_code)
    shape = AutoConfig.from_pretrained(weights.path, revision=revision, trust_remote_code=code)
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        torch.manual_seed(settings.random_seed)
        model = AutoModelForCausalLM.from_config(shape, dtype=getattr(torch, settings.dtype), trust_remote_code=code)
        model.save_pretrained(folder)
        yield folder, None


def load_full(full: Made, settings: config.Weights, runtime: config.Runtime) -> PreTrainedModel:
    """The model of a training of every weight, from `model/` of its product."""
    files = [full.file(name) for name in full.manifest["payload"] if name.startswith("model/")]
    plain = settings.model_copy(update={"random_seed": None})
    return load_base(Source(files[0].parent, full.key), plain, runtime)


def quantisation_config(settings: config.Quantisation) -> Any:
    """The bitsandbytes recipe, or None."""
    import torch
    from transformers import BitsAndBytesConfig

    if settings.kind == "none":
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=settings.double,
        bnb_4bit_compute_dtype=getattr(torch, settings.compute_dtype),
    )


@dataclass
class Loan:
    """The one base that this process holds, and what it was loaded as; `forward` is its own, before anybody wraps it."""

    key: tuple[Any, ...] = ()
    model: Any = None
    forward: Any = None
    left: str = ""  #: what 4-bit loading did not shrink, for people


LOAN = Loan()


@contextmanager
def base_on_loan(
    weights: Source, settings: config.Weights, runtime: config.Runtime, training: bool = False
) -> Iterator[PreTrainedModel]:
    """The frozen base, loaded once per process for as long as the same one is asked for; afterwards it is bare again.

    So twenty adapters train one after another on one base in memory. For `training` it is unpacked where that is asked for;
    on a GPU, and not unpacked, it is the same base for both.
    """
    where = device(runtime)
    unpacked = training and settings.quantisation.unpacked
    apart = training and (unpacked or where == "cpu")
    key = (str(weights.path), weights.digest, settings.model_dump_json(), where, apart)
    if LOAN.key != key:
        LOAN.key, LOAN.model = (), None
        gc.collect()
        LOAN.model = load_base(weights, settings, runtime)
        whole = coverage.weight_bytes(LOAN.model)
        LOAN.left = coverage.told(coverage.unquantised(LOAN.model), whole, settings.quantisation.kind)
        if unpacked:
            unpack(LOAN.model)
        if training:
            stay_unpacked(LOAN.model)
        LOAN.model.requires_grad_(False)
        LOAN.key, LOAN.forward = key, vars(LOAN.model).get("forward")
    try:
        yield LOAN.model
    except BaseException:
        LOAN.key, LOAN.model = (), None  # whatever went wrong may have gone wrong with it
        raise
    else:
        strip(LOAN.model)


def strip(model: PreTrainedModel) -> None:
    """Takes off a base what a training or an exam has put on it: adapters, a wrapped forward, checkpointing."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, BaseTunerLayer) and not isinstance(parent, BaseTunerLayer):
                setattr(parent, name, layer.get_base_layer())
    for name in ("peft_config", "forward"):
        vars(model).pop(name, None)
    if LOAN.forward is not None:
        model.forward = LOAN.forward
    if getattr(model, "_require_grads_hooks", None):
        model.disable_input_require_grads()
    if model.is_activation_checkpointing:
        model.activation_checkpointing_disable()
    model.requires_grad_(False)
    model.eval()
    gc.collect()


def attach(model: PreTrainedModel, adapter: Path, contract: Mapping[str, Any], trainable: bool = False) -> PeftModel:
    """The base with the adapter on it; ContractMismatch names the field that differs from `contract`."""
    from peft import PeftModel

    check_contract(adapter, contract)
    with staying_packed(model):
        return PeftModel.from_pretrained(model, adapter, is_trainable=trainable)


def attach_beside(model: PeftModel, adapter: Path, contract: Mapping[str, Any], name: str) -> None:
    """A further adapter on the base of another; it is the one that counts from then on."""
    check_contract(adapter, contract)
    with staying_packed(model):
        model.load_adapter(adapter, adapter_name=name)
    model.set_adapter(name)


def base_contract(weights: Source, tokenizer: Source, settings: config.Weights) -> dict[str, Any]:
    """What an adapter demands of its base: digests of weights and tokenizer, and the quantisation recipe.

    Where the tokenizer is told something beyond its files, that stands there too, for whoever serves the adapter.
    """
    told = json.loads(dict(tokenizer.facts).get("chat", "{}"))
    return {
        "base_weights": weights.digest if settings.random_seed is None else f"random {settings.random_seed}",
        "tokenizer": tokenizer.digest,
        "quantisation": settings.quantisation.model_dump(mode="json", exclude={"unpacked"}),
        **({"chat": told} if told else {}),
    }


def check_contract(adapter: Path, offered: Mapping[str, Any]) -> dict[str, Any]:
    """The adapter's contract, when the base offered is the one it names and its weights are the ones it lists."""
    path = adapter / CONTRACT
    if not path.exists():
        raise ContractMismatch(
            str(path),
            "no contract beside the adapter",
            "only adapters of the factory are loaded: factory run makes one",
        )
    contract = json.loads(path.read_text())
    for field, wanted in offered.items():
        if contract.get(field) != wanted:
            raise ContractMismatch(
                f"adapter {adapter}, {field}",
                f"trained on {short(contract.get(field))}, offered {short(wanted)}",
                "load the base it was trained on, or train an adapter for this one",
            )
    shapes = adapter_shapes(adapter)
    if shapes != contract["shapes"]:
        differing = sorted(set(shapes) ^ set(contract["shapes"])) or [
            n for n in shapes if shapes[n] != contract["shapes"][n]
        ]
        raise ContractMismatch(
            f"adapter {adapter}, shapes",
            f"the weights are not those of the contract: {differing[0]}",
            "fetch the version again",
        )
    return contract


def short(value: Any) -> str:
    """A contract's field on one line: digests by their first ten digits."""
    return value[:10] if isinstance(value, str) else json.dumps(value)


def adapter_shapes(adapter: Path) -> dict[str, list[int]]:
    """Name to shape of every tensor in the adapter's safetensors file."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", framework="np") as file:
        return {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}


def sample(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, prompt: list[int], settings: config.Teacher, seed: int
) -> list[int]:
    """One sampled answer to a prompt of ids (greedy at temperature 0): the same for a seed, whatever was asked before."""
    import torch

    how = {"temperature": settings.temperature, "top_p": settings.top_p} if settings.temperature else {}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return answer(model, tokenizer, [prompt], settings.max_tokens, **how)[0]


def losses(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Tokens]) -> list[float]:
    """The mean negative log-likelihood of every row's trained tokens, in nats; one batch, padded on the left.

    Of the logits only those of the longest trained span are made: they are what takes memory.
    """
    import torch

    width, pad = max(len(row.ids) for row in rows), tokenizer.pad_token_id
    where = {"device": model.device}
    ids = torch.tensor([[pad] * (width - len(row.ids)) + row.ids for row in rows], **where)
    mask = torch.tensor([[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in rows], **where)
    labels = torch.tensor([[IGNORED] * (width - len(row.ids)) + row.labels for row in rows], **where)
    first = int((labels != IGNORED).any(0).nonzero()[0])
    labels = labels[:, first:]
    with torch.inference_mode():
        said = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            logits_to_keep=width - first + 1,
            use_cache=False,
        ).logits[:, :-1]
        each = torch.nn.functional.cross_entropy(
            said.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        )
    return (each.double().sum(1) / (labels != IGNORED).sum(1)).tolist()


def answer(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], most: int, **sampling: float
) -> list[list[int]]:
    """Answers to prompts of ids, each up to and without its stop token; greedy, or with `sampling` (temperature, top_p)."""
    return [one.ids for one in answered(model, tokenizer, prompts, most, **sampling)]
