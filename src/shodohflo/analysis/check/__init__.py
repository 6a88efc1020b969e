"""Proofs about a configuration: `space` and `ports` are the algebra, `model` joins them, one file for each finding.

What depends on an operator's own action cannot be proven; it is sampled, and the finding says so.
"""
