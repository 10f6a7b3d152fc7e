"""How fast the provider is beside two others: one that makes no calls at all, and the one that everybody writes first.

`python -m benchmarks --help`; README.md in this folder says what is measured, and how.
"""
