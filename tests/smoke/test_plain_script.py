"""A registered version without the factory: ten lines of transformers, peft and bitsandbytes give the same answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from factory import config, registry
from factory.rows import read_table

SCRIPT = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
base, adapter, question = sys.argv[1:]
four = BitsAndBytesConfig(
    load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
model = AutoModelForCausalLM.from_pretrained(base, quantization_config=four, dtype=torch.float32)
model, words = PeftModel.from_pretrained(model, adapter), AutoTokenizer.from_pretrained(base)
chat = [{"role": "user", "content": question}]
prompt = words.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
said = model.generate(**prompt, max_new_tokens=24, do_sample=False)
print(words.decode(said[0, prompt["input_ids"].shape[1]:], skip_special_tokens=True).strip())
"""


def test_a_plain_script_gives_the_answer_of_the_factory(full, chosen: str, factory, tmp_path: Path) -> None:
    """On a question that base and adapter answer differently, so that a script without the adapter would fail."""
    asked = next(
        row
        for row in read_table(full.product("report") / "answers.parquet")
        if row["base_answer"] != row["adapter_answer"]
    )
    settings = config.load(full.words).registry
    adapter, _ = registry.fetch(settings, chosen, tmp_path)
    base = config.data_dir() / "base" / "tiny"
    plain = subprocess.run(
        [sys.executable, "-c", SCRIPT, base, adapter, asked["prompt"]], capture_output=True, text=True, check=True
    )
    ours = factory("ask", *full.words, f"registry.alias={chosen}", asked["prompt"])
    assert ours.code == 0 and ours.out == plain.stdout
    assert ours.out.strip() == asked["adapter_answer"]
    assert ours.complaint == "factory: cut at evaluate.max_new_tokens=24: the answer did not end by itself"
