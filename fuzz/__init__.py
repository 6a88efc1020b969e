"""Fuzzing: coverage-guided random input for decoders, readers and the pipeline; `make fuzz TIME=600` runs it."""
