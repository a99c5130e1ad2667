"""What each verb of the command line does: it takes the verb, its overrides and its other words, and gives the exit code."""
