"""The medical specialist: a visit becomes a structured note. Synthetic; not clinical advice; no real patient."""
