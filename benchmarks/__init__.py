"""Benchmarks: ratios against yardsticks measured in the same run; `make bench` prints them."""
