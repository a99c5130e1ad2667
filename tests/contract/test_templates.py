"""Training and use give a model the same token ids, in the chat format of every base of `conf/base/`.

The formats stand in `templates/`, each with a template of ours and its conversations written out by hand. What a base
needs beyond its files (variables, date, stop) is taken from its own conf file, so that is tried as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from factory import models
from factory.chat import IGNORED, encode, prompt_ids, refuse_a_wrong_start, span_mistake, told
from factory.config import groups, load
from factory.errors import DataMistake, Mistake
from factory.records import Message

FORMATS = {
    "folder": None,  # a user's own: told by the folder, refused where it does not fit
    "gemma3-1b": "gemma3",
    "granite3.1-1b-a400m": "granite3",
    "granite3.1-3b-a800m": "granite3",
    "granite3.3-2b": "granite3",
    "llama3.2-1b": "llama3.2",
    "llama3.2-3b": "llama3.2",
    "ministral-8b": "ministral",
    "nano": "embedded",
    "olmoe-1b-7b": "olmoe",
    "phi4-mini": "phi4-mini",
    "qwen2.5-0.5b": "qwen2.5",
    "qwen2.5-1.5b": "qwen2.5",
    "qwen3-0.6b": "qwen3",
    "qwen3-1.7b": "qwen3",
    "qwen3-4b": "qwen3-2507",
    "qwen3-8b": "qwen3",
    "smollm2-1.7b": "smollm2",
    "smollm2-360m": "smollm2",
    "smollm3-3b": "smollm3",
    "tiny": "embedded",
}
BASES = [base for base, form in FORMATS.items() if form]
PIECES = {"together": r"\s*\n+| ?\w+| ?[^\s\w]+|\s+", "apart": r" ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+"}
PLAIN_BOS = ["gemma3-1b", "llama3.2-1b", "ministral-8b"]

SYSTEM: Message = {"role": "system", "content": "Answer in SQL."}
FIRST: Message = {"role": "user", "content": "Count the books."}
SAID = "SELECT count(*) FROM book"
SECOND: Message = {"role": "user", "content": "And the loans?"}
SAID_THEN = "SELECT count(*) FROM loan"

Words = Callable[..., Any]


@cache
def fixture(base: str) -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parent / "templates" / f"{FORMATS[base]}.yaml").read_text())


def saved(folder: Path, form: dict[str, Any]) -> Path:
    """A small byte-level tokenizer with the format's tokens and template, as a folder."""
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, processors, trainers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(kinds.BPE())
    pieces = pre_tokenizers.Split(Regex(PIECES[form["newlines"]]), "isolated")
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Sequence([pieces, bytewise]), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        [f"{form['asked']} {form['two_turns']}"],
        trainers.BpeTrainer(
            vocab_size=360, special_tokens=form["tokens"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    if form["plain_bos"]:
        bos = form["bos"]
        raw.post_processor = processors.TemplateProcessing(f"{bos} $A", None, [(bos, raw.token_to_id(bos))])
    words = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=form["bos"], eos_token=form["eos"], chat_template=form["template"]
    )
    words.save_pretrained(folder)
    return folder


@pytest.fixture
def words(tmp_path: Path) -> Words:
    """words(base, *overrides, template=..., ...): the tokenizer of the base's format, loaded as the factory does."""

    def loaded(base: str, *overrides: str, **planted: Any) -> Any:
        form = fixture(base) | planted
        path = [f"base.tokenizer.path={saved(tmp_path / base, form)}"] if form["template"] else []
        return models.load_tokenizer(models.tokenizer_source(load([f"base={base}", *path, *overrides]).base))

    return loaded


def conversations(form: dict[str, Any]) -> list[tuple[list[Message], str, str]]:
    """Messages, answer and the whole as the fixture writes it."""
    before = [SYSTEM] if form.get("system", True) else []
    turns = [*before, FIRST, {"role": "assistant", "content": SAID}, SECOND]
    return [([FIRST], SAID, form["answered"]), (turns, SAID_THEN, form["two_turns"])]


def test_every_base_has_a_format_and_every_format_a_base() -> None:
    assert sorted(FORMATS) == sorted(groups()["base"])
    files = {path.stem for path in (Path(__file__).parent / "templates").glob("*.yaml")}
    assert files == {form for form in FORMATS.values() if form}


@pytest.mark.parametrize("base", BASES)
def test_training_and_use_have_the_ids_of_the_text_written_out(words: Words, base: str) -> None:
    form, loaded = fixture(base), words(base)
    plain = partial(loaded.encode, add_special_tokens=False)
    assert prompt_ids(loaded, [FIRST]) == plain(form["asked"])
    for messages, answer, text in conversations(form):
        tokens, prompt = encode(loaded, messages, answer), prompt_ids(loaded, messages)
        assert tokens.ids == plain(text)
        assert tokens.ids[: len(prompt)] == prompt


@pytest.mark.parametrize("base", BASES)
def test_the_answer_and_its_stop_are_trained_and_nothing_else(words: Words, base: str) -> None:
    form, loaded = fixture(base), words(base)
    for messages, answer, text in conversations(form):
        tokens, prompt = encode(loaded, messages, answer), prompt_ids(loaded, messages)
        span = [label for label in tokens.labels if label != IGNORED]
        assert tokens.labels[: len(prompt)] == [IGNORED] * len(prompt)
        assert tokens.labels[len(prompt) : len(prompt) + len(span)] == span
        assert loaded.decode(span).strip() == answer + form["stop"]
        assert text.endswith(loaded.decode(tokens.ids[len(prompt) + len(span) :]))
        assert span_mistake(loaded, tokens, answer) == ""


@pytest.mark.parametrize("base", BASES)
def test_padding_and_stop_are_tokens_of_the_vocabulary(words: Words, base: str) -> None:
    loaded = words(base)
    assert loaded.eos_token == fixture(base)["stop"]
    assert {loaded.eos_token, loaded.pad_token} <= set(loaded.get_vocab())


def test_there_is_one_door_to_tokenizers_and_one_to_chat_templates() -> None:
    """What else asked a template would have to repeat what the configuration tells it; `base/` makes the embedded one."""
    root = Path(models.__file__).parent
    files = [path for path in root.rglob("*.py") if root / "base" not in path.parents]
    for name, door in (("apply_chat_template", "chat.py"), ("AutoTokenizer", "models.py")):
        assert [str(path.relative_to(root)) for path in files if name in path.read_text()] == [door]


# --- BOS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
def test_only_the_formats_named_here_begin_plain_text_with_a_bos(words: Words, base: str) -> None:
    loaded = words(base)
    begins = loaded.bos_token_id is not None and loaded("a")["input_ids"][0] == loaded.bos_token_id
    assert begins == (FORMATS[base] in {FORMATS[one] for one in PLAIN_BOS})


@pytest.mark.parametrize("base", PLAIN_BOS)
def test_a_template_that_writes_two_bos_is_refused(words: Words, base: str) -> None:
    with pytest.raises(DataMistake, match=r"^base.tokenizer: a chat begins with '.*' twice - take it out of the chat"):
        words(base, template="{{ bos_token }}" + fixture(base)["template"])


@pytest.mark.parametrize("base", PLAIN_BOS)
def test_a_tokenizer_that_adds_its_bos_to_a_rendered_chat_is_refused(
    words: Words, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The common way to two: the chat is rendered as text, and that is tokenized as any text is."""
    loaded = words(base)
    render = loaded.apply_chat_template

    def twice(messages: list[Message], return_dict: bool = True, **asked: Any) -> dict[str, list[int]]:
        return {"input_ids": loaded(render(messages, tokenize=False, **asked))["input_ids"]}

    monkeypatch.setattr(loaded, "apply_chat_template", twice)
    with pytest.raises(DataMistake, match=r"a chat begins with '.*' twice"):
        refuse_a_wrong_start(loaded, without_bos=False)


@pytest.mark.parametrize("base", PLAIN_BOS)
def test_a_template_without_the_bos_of_plain_text_is_refused_unless_the_configuration_says_so(
    words: Words, base: str
) -> None:
    form = fixture(base)
    bare = form["template"].replace("{{- bos_token }}", "{{- '' }}")
    with pytest.raises(DataMistake, match=r"^base.tokenizer.without_bos=false: plain text begins with '.*', and the"):
        words(base, template=bare)
    loaded = words(base, "base.tokenizer.without_bos=true", template=bare)
    assert [loaded.bos_token_id, *prompt_ids(loaded, [FIRST])] == loaded.encode(form["asked"], add_special_tokens=False)


# --- what a template and a tokenizer are told ---------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["qwen3-0.6b", "smollm3-3b"])
def test_thinking_aloud_is_told_off_by_the_conf_file(words: Words, base: str) -> None:
    quiet, aloud = words(base), words(base, "base.tokenizer.variables.enable_thinking=true")
    assert "<think>" in quiet.decode(prompt_ids(quiet, [FIRST]))
    assert "<think>" not in aloud.decode(prompt_ids(aloud, [FIRST]))


def test_an_answer_behind_a_think_block_that_use_does_not_have_is_seen(words: Words) -> None:
    loaded = words("qwen3-0.6b", "base.tokenizer.variables.enable_thinking=true")
    assert "the trained span says '<think>" in span_mistake(loaded, encode(loaded, [FIRST], SAID), SAID)


def test_without_its_stop_a_base_whose_eos_ends_no_turn_is_refused(words: Words) -> None:
    gemma, phi = (words(base, "base.tokenizer.stop=null") for base in ("gemma3-1b", "phi4-mini"))
    with pytest.raises(DataMistake, match="no stop token '<eos>' follows the answer.* - set base.tokenizer.stop to"):
        encode(gemma, [FIRST], SAID)
    assert f"the trained span says '{SAID}<|end|>'" in span_mistake(phi, encode(phi, [FIRST], SAID), SAID)


def test_a_prompt_whose_end_splits_otherwise_before_an_answer_is_refused(words: Words) -> None:
    """Two line breaks at its end, one piece alone and two before a word: no token of use would be the one of training."""
    loaded = words("llama3.2-1b", newlines="apart")
    with pytest.raises(DataMistake, match="writes the prompt differently when an answer follows"):
        encode(loaded, [FIRST], SAID)


@pytest.mark.parametrize("base", [base for base in BASES if load([f"base={base}"]).base.tokenizer.date])
def test_a_template_that_writes_the_date_of_today_needs_a_day(words: Words, base: str) -> None:
    with pytest.raises(Mistake, match=r"^base.tokenizer.date=null: the chat template writes the date of today"):
        words(base, "base.tokenizer.date=null")
    loaded = words(base, "base.tokenizer.date=1999-12-31")
    said = loaded.decode(prompt_ids(loaded, [FIRST]))
    assert "31" in said and "Dec" in said and "1999" in said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+base.tokenizer.variables.enable_thinkng=false", "variables.enable_thinkng: the chat template reads no such"),
        ("base.tokenizer.date=2025-07-01", "date=2025-07-01: the chat template writes no date"),
        ("base.tokenizer.stop='<|eot|>'", r"stop=<\|eot\|>: the tokenizer has no such token"),
    ],
)
def test_what_template_and_vocabulary_know_nothing_of_is_refused(words: Words, override: str, said: str) -> None:
    with pytest.raises(Mistake, match=f"^base.tokenizer.{said}"):
        words("qwen2.5-0.5b", override)


@pytest.mark.parametrize("value", [True, False, 3, 0.5, "a 'b' \"c\" {% d %} {{ e }}\nü 🙂 \\n"])
def test_a_variable_reaches_the_template_as_it_is(words: Words, value: Any) -> None:
    loaded = words("qwen2.5-0.5b")
    loaded.chat_template = told("  {{ given | tojson }}", {"given": value}, None)
    alone = loaded.apply_chat_template([FIRST], tokenize=False)
    assert yaml.safe_load(alone) == value
    assert alone.startswith("  "), "the template's own text begins as before"


def test_what_is_told_changes_the_digest_and_nothing_told_does_not() -> None:
    def digest(*overrides: str) -> str:
        return models.tokenizer_source(load(["base=tiny", *overrides]).base).digest

    folder = Path(models.tokenizer_source(load(["base=tiny"]).base).path)
    plain = digest()
    assert plain == models.folder_digest(folder, models.TOKENIZER_FILES) == digest("base.tokenizer.without_bos=true")
    told_so = [
        "+base.tokenizer.variables.a=1",
        "+base.tokenizer.variables.a=2",
        "base.tokenizer.date=2025-07-01",
        "base.tokenizer.stop='<|user|>'",
    ]
    assert len({plain, *map(digest, told_so)}) == 5
    assert digest("+base.tokenizer.variables={a: 1, b: 2}") == digest("+base.tokenizer.variables={b: 2, a: 1}")


def test_the_contract_says_what_the_tokenizer_is_told() -> None:
    def contract(base: str, *overrides: str) -> dict[str, Any]:
        asked = load([f"base={base}", *overrides]).base
        return models.base_contract(models.weights_source(asked), models.tokenizer_source(asked), asked.weights)

    assert "chat" not in contract("tiny")
    told_so = contract("tiny", "base.tokenizer.stop='<|user|>'", "+base.tokenizer.variables.a=false")
    assert told_so["chat"] == {"stop": "<|user|>", "variables": {"a": False}}
