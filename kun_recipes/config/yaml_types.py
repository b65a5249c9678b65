"""Whether a value from YAML is of the type that a dataclass field asks for."""

import enum
import types
import typing
from typing import Any, Literal, Union


def has_type(value: Any, hint: Any) -> bool:
    """Whether a YAML value fits a type annotation. Kinds that YAML cannot hold are left to the class itself."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(has_type(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(has_type(item, arguments[0]) for item in value)
    if hint is float:
        return _reads_as_float(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, dict, list, type(None)):
        return isinstance(value, hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    return True


def _reads_as_float(value: Any) -> bool:
    # YAML 1.1 reads 2e-5, without a point, as a string; argparse turns such a default into the float that was meant
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def type_name(hint: Any) -> str:
    """A type annotation in the words of an error message."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if typing.get_origin(hint) is list:
        return f"a list of {type_name(arguments[0])}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in hint)
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))
