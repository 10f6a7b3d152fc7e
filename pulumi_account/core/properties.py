"""The names of properties that programs, states and the engine share; light to import."""

from __future__ import annotations

__all__ = ["ADOPTING", "API_KEY_TYPE", "DEFAULT_PREFIX", "INSTANCE_ID"]

#: the type of a key in a state
API_KEY_TYPE = "pulumi-python:dynamic/account:ApiKey"
#: the property by which a program tells `check` the ids that its keys are to adopt, however late these are declared
ADOPTING = "__adopting"
#: the property by which a program tells `check` that the prefix is no declared one, but made of the resource's name
DEFAULT_PREFIX = "__default_prefix"
#: the property that holds the id which the engine gave to a key's explicit provider instance: it outlives a new name
INSTANCE_ID = "__instance_id"
