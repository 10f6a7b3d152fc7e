"""What tests share: builders, engines, canaries, programs."""

from pathlib import Path

#: the project's folder
ROOT = Path(__file__).parents[2]
