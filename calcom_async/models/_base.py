"""What every model shares.

Answers carry whatever the server sends: a field that may be missing or null is `X | None = None`, a value outside a
`Literal` alias is kept as the plain string that it is, and unknown fields are skipped.

In bodies the annotation decides what None means: `X | None = None` is not sent when it is None, while
`X | UnsetType | None = UNSET` sends null, which clears the field, and is not sent when it is `UNSET`.
"""

from typing import Any, ClassVar, dataclass_transform

import msgspec

# JSON has one kind of number: a count of minutes arrives as 30, but a row made elsewhere may say 30.5.
IntOrFloat = int | float


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all models: frozen, built by keyword, camelCase on the wire. The repr shows what is set."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name and printable value of each field that is set."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, value) for name, value in values if value is not None and value is not msgspec.UNSET]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"


class DisableableSetting(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what an event type can switch off; `disabled` is true when it is off."""

    disabled: bool = False


# Typed `Any`, so that every setting takes it: msgspec reads no unions of structs, hence no `Seats | Disabled`.
DISABLED: Any = DisableableSetting(disabled=True)


class SecretModel(Model, frozen=True, kw_only=True):
    """Base of models that hold secrets. The repr masks the fields named in `secret_fields`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name and printable value of each field that is set."""
        return [(name, "***" if name in self.secret_fields else value) for name, value in super().__rich_repr__()]
