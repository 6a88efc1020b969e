"""Fuzzing: bytes made up by a machine that watches which lines they reach. `make fuzz TIME=600` runs it."""
