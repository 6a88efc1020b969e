"""Fuzzing: coverage-guided random input for decoders, readers, pipeline and evidence; `make fuzz TIME=600` runs it."""
