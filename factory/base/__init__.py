"""How the embedded base is made: its corpus, its tokenizer, its pretraining. Nothing on the data path imports it."""
