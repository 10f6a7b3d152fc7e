"""What the program's process and the engine agree on."""

SHOWN = 32  # the exit status that says: the user has seen why
