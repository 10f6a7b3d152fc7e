"""Key files: the keys of all teams and environments in YAML, resolved to declarations with their places."""

from __future__ import annotations

from pulumi_account.keyfile.model import DeclaredKey, KeyFile, Rotation
from pulumi_account.keyfile.resolve import load, load_dict

__all__ = ["DeclaredKey", "KeyFile", "Rotation", "load", "load_dict"]
