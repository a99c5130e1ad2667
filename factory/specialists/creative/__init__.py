"""The creative specialist: a plan with its constraints becomes a story, a rhymed poem or a letter."""
