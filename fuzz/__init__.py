"""Fuzzing: coverage-guided random input for decoders, readers, the pipeline and evidence; `make fuzz TIME=600` runs it."""
