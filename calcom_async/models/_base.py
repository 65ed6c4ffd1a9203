"""Base classes of all models.

A response may contain anything: a field that may be missing or null is `X | None = None`, a value outside a `Literal`
is kept as a plain string, and unknown fields are ignored.

In request bodies the annotation decides what None means. A field `X | None = None` is omitted when it is None. A field
`X | UnsetType | None = UNSET` sends null, which clears it on the server, and is omitted when it is `UNSET`.
"""

from enum import Enum
from typing import Any, ClassVar, dataclass_transform

import msgspec

# JSON has one number type: minutes usually arrive as 30, but a row written by another program may have 30.5.
IntOrFloat = int | float


# mypy does not know that subclasses of a frozen struct are frozen too, so every model repeats both options.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all models: frozen, built by keyword, camelCase on the wire. The repr shows what is set.

    Models are types for pydantic and FastAPI, too. A dict may have the names of the API or the Python names. Pydantic
    writes the Python names, or with `by_alias=True` those of the API, as FastAPI does; secrets are written. Validation
    errors show no input, which may hold secrets. Only pydantic's error for text that is not JSON shows it, unless
    `hide_input_in_errors` is set. In FastAPI write `Annotated[Attendee, Body()]` for a model in the body of a request:
    without `Body()` it is a query parameter.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by their Python names, with nested models as dicts and times as `datetime`.

        None stays None, so that all rows of a list have the same keys. Fields that are `UNSET` are left out, and so are
        secrets, because dicts are printed and stored: read those as attributes.
        """
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: _plain(value) for name, value in values if value is not msgspec.UNSET}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name and printable value of each field that is set."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, value) for name, value in values if value is not None and value is not msgspec.UNSET]

    def __repr__(self) -> str:
        # Through `__rich_repr__`, so that a model that masks a field there masks it everywhere.
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return the schema that pydantic and FastAPI use."""
        from calcom_async.models._pydantic import model_schema

        return model_schema(source, handler)


# Containers around a model, as in `dict[date, list[Slot]]`. What is deeper is JSON, maybe too deep for recursion.
CONTAINERS = 2


def _plain(value: Any, containers: int = CONTAINERS) -> Any:
    """Return a value without models and enumerations."""
    match value:
        case Model():
            return value.to_dict()
        case Enum():
            return value.value
        case list() | tuple() if containers:
            return [_plain(item, containers - 1) for item in value]
        case dict() if containers:
            return {_plain(key): _plain(item, containers - 1) for key, item in value.items()}
    return value


class DisableableSetting(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of settings that an event type can disable; `disabled` is true if it is off."""

    disabled: bool = False


# Typed `Any` so that it fits every setting: msgspec does not support untagged unions such as `Seats | Disabled`.
DISABLED: Any = DisableableSetting(disabled=True)


class SecretModel(Model, frozen=True, kw_only=True):
    """Base of models that hold secrets: `secret_fields`. The repr masks them, and `to_dict()` leaves them out."""

    secret_fields: ClassVar[frozenset[str]] = frozenset()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as `Model.to_dict` does, without `secret_fields`."""
        return {name: value for name, value in super().to_dict().items() if name not in self.secret_fields}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name and printable value of each field that is set."""
        return [(name, "***" if name in self.secret_fields else value) for name, value in super().__rich_repr__()]
