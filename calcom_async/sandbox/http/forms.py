"""Request validation as tables: handlers list fields and rules, this module raises the server's two kinds of 400.

    CREATE = Form(
        Field("name", string),
        Field("timeZone", time_zone),
        Field("availability", array, optional=True, nested=Form(Field("days", array), ...)),
    )
    values = CREATE.read(call.body)            # global pipe: unknown fields dropped, tree of errors in details
    values = CREATE.read_strict(call.body)     # strict pipe: unknown fields rejected, one sentence as message

Rules are in the order in which the server lists the constraints, which is the reverse of its decorators.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.http.constraints import Rule, fits_column, integer, maximum, minimum, number
from calcom_async.sandbox.http.errors import bad_request, no_details, validation

#: Constraint names of numbers.
_NUMBERS = {integer.name, number.name}

Convert = Callable[[Any], Any]
Problem = dict[str, Any]


class Field:
    """One property of a `Form`.

    - `optional`: may be missing or null.
    - `nested`: the form of an object, or of each object in a list. Missing and null pass unless a rule rejects them.
    - `convert`: runs before the rules; errors repeat its result.
    - `default`: replaces a missing value after validation.
    - `when(target)`: returns whether the field is considered at all.
    """

    def __init__(
        self,
        name: str,
        *rules: Rule,
        optional: bool = False,
        nested: Form | None = None,
        convert: Convert | None = None,
        default: Any = None,
        when: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.name = name
        self.rules = rules
        self.optional = optional
        self.nested = nested
        self.convert = convert
        self.default = default
        self.when = when

    def transform(self, value: Any, *, keep_unknown: bool) -> Any:
        """Return the value after `convert`, and without the unknown fields of nested forms."""
        if self.convert is not None:
            value = self.convert(value)
        if self.nested is None:
            return value
        if isinstance(value, list):
            return [self.nested.transform(item, keep_unknown=keep_unknown) for item in value]
        return self.nested.transform(value, keep_unknown=keep_unknown)

    def problems(self, target: Mapping[str, Any], *, strict: bool) -> list[Problem]:
        """Return the errors of this field in a converted object."""
        value = target.get(self.name)
        if (self.optional and value is None) or (self.when is not None and not self.when(target)):
            return []
        constraints = {
            rule.name: rule.text.replace("$property", self.name) for rule in self.rules if not rule.test(value)
        }
        children: list[Problem] = []
        if self.nested is not None and value is not None:
            if isinstance(value, list) and all(rule.name != "isArray" for rule in self.rules):
                # The server iterates over such a value, and fails on it later.
                value = None
            children, broken = _nested(self.nested, value, self.name, strict=strict)
            constraints |= broken
        return [_problem(target, self.name, constraints, children)] if constraints or children else []


@dataclass(frozen=True, slots=True)
class Check:
    """A rule on the whole object, reported under a property name of its own."""

    name: str
    rule: str
    text: str
    test: Callable[[Mapping[str, Any]], bool]

    def problems(self, target: Mapping[str, Any], *, strict: bool) -> list[Problem]:  # noqa: ARG002
        """Return the error of this rule, if the object breaks it."""
        if self.test(target):
            return []
        return [_problem(target, self.name, {self.rule: self.text.replace("$property", self.name)}, [])]


class Form:
    """The fields that an endpoint accepts, in the order in which the server reports errors."""

    def __init__(self, *parts: Field | Check) -> None:
        self.parts = parts
        self.fields: dict[str, Field] = {part.name: part for part in parts if isinstance(part, Field)}
        # Converted values come from a query: they select rows, and are in no column.
        self._columns = [
            (name, part.nested)
            for name, part in self.fields.items()
            if part.nested is not None or (part.convert is None and any(rule.name in _NUMBERS for rule in part.rules))
        ]

    def extended(self, *parts: Field | Check) -> Form:
        """Return the form with more fields at the end."""
        return Form(*self.parts, *parts)

    def partial(self) -> Form:
        """Return the form with all fields optional, for updates."""
        return Form(*(_optional(part) if isinstance(part, Field) else part for part in self.parts))

    def read(self, data: Any) -> dict[str, Any]:
        """Return the known fields, converted. Raises the 400 of the global pipe."""
        # Most endpoints drop unknown fields without a word. A misspelled optional field has no effect there.
        target = self.transform(data if isinstance(data, dict) else {}, keep_unknown=False)
        problems = self.problems(target, strict=False)
        if problems:
            raise validation(problems)
        self._check_columns(target)
        return self._defaults(target)

    def read_strict(self, data: Any) -> dict[str, Any]:
        """Return the fields like `read`, but reject unknown ones. Raises the 400 of the strict pipe."""
        # Only slots, the creation, move and cancellation of bookings, and the OAuth2 token do this.
        target = self.transform(data if isinstance(data, dict) else {}, keep_unknown=True)
        problems = self.problems(target, strict=True)
        if problems:
            raise bad_request(sentence(problems))
        self._check_columns(target)
        return self._defaults(target)

    def transform(self, data: Any, *, keep_unknown: bool) -> Any:
        """Return the known fields converted, at every level."""
        if not isinstance(data, dict):
            return data
        return {
            key: self.fields[key].transform(value, keep_unknown=keep_unknown) if key in self.fields else value
            for key, value in data.items()
            if keep_unknown or key in self.fields
        }

    def problems(self, target: Mapping[str, Any], *, strict: bool) -> list[Problem]:
        """Return all errors of a converted object; unknown fields come first, as in class-validator."""
        problems: list[Problem] = []
        if strict:
            problems = [_unknown(target, key) for key in target if key not in self.fields]
        for part in self.parts:
            problems += part.problems(target, strict=strict)
        return problems

    def _check_columns(self, target: Mapping[str, Any]) -> None:
        """Raise the 400 of the database for a valid number of a body that does not fit its column."""
        for name, nested in self._columns:
            values = target.get(name)
            for value in values if isinstance(values, list) else (values,):
                if nested is not None and isinstance(value, dict):
                    nested._check_columns(value)  # noqa: SLF001 - the same class
                elif nested is None and isinstance(value, (int, float)) and not fits_column(value):
                    raise no_details(400, "TRPCError", "BAD_REQUEST")

    def _defaults(self, target: dict[str, Any]) -> dict[str, Any]:
        """Return the object with the defaults of missing fields."""
        missing = {name: part.default for name, part in self.fields.items() if part.default is not None}
        return missing | {key: value for key, value in target.items() if value is not None or key not in missing}


def sentence(problems: Sequence[Problem]) -> str:
    """Return the message of the strict pipe: `start property is wrong,start must be ... , end property is ...`."""
    return ", ".join(
        f"{problem['property']} property is wrong,{','.join(problem.get('constraints', {}).values())} "
        f"{sentence(problem['children'])}"
        for problem in problems
    )


def _problem(target: Any, name: str, constraints: Mapping[str, str], children: list[Problem]) -> Problem:
    """Return one error in the form of class-validator; a missing value has no `value`."""
    problem: Problem = {"target": target}
    if isinstance(target, list):
        problem["value"] = target[int(name)]
    elif name in target:
        problem["value"] = target[name]
    problem |= {"property": name, "children": children}
    if constraints:
        problem["constraints"] = dict(constraints)
    return problem


def _unknown(target: Mapping[str, Any], name: str) -> Problem:
    """Return the error of a field that the form does not have."""
    return _problem(target, name, {"whitelistValidation": f"property {name} should not exist"}, [])


def _nested(form: Form, value: Any, name: str, *, strict: bool) -> tuple[list[Problem], dict[str, str]]:
    """Return the errors inside a nested value, and the constraint that it breaks if it is no object or list."""
    if isinstance(value, dict):
        return form.problems(value, strict=strict), {}
    if not isinstance(value, list):
        return [], {"nestedValidation": f"nested property {name} must be either object or array"}
    children: list[Problem] = []
    for index, item in enumerate(value):
        inner, broken = _nested(form, None if isinstance(item, list) else item, str(index), strict=strict)
        if inner or broken:
            children.append(_problem(value, str(index), broken, inner))
    return children, {}


def _optional(field: Field) -> Field:
    """Return the field as an optional one, without its default."""
    return Field(
        field.name,
        *field.rules,
        optional=True,
        nested=field.nested,
        convert=field.convert,
        when=field.when,
    )


# --- conversions of query strings ----------------------------------------------------------------------------------


def to_int(value: Any) -> Any:
    """Convert like JavaScript's parseInt: leading digits count, fractions are cut, else NaN (sent as null)."""
    # `take=1.5` is 1, and a text is not a number and so a 400.
    digits = re.match(r"\s*[+-]?\d+", str(value))
    return int(digits[0]) if digits else math.nan


def to_list(value: Any) -> list[Any]:
    """Convert a list with commas, a repeated key or `a[]=` into a list of trimmed texts."""
    parts = value if isinstance(value, list) else [value]
    return [piece.strip() if isinstance(piece, str) else piece for part in parts for piece in str(part).split(",")]


def to_ints(value: Any) -> list[Any]:
    """Apply `to_list`, and `to_int` to each item."""
    return [to_int(part) for part in to_list(value)]


def comma_ids(value: Any) -> Any:
    """Convert ids that are separated by commas. A repeated parameter keeps its texts, which are no numbers."""
    return to_ints(value) if isinstance(value, str) else value


def to_bool(value: Any) -> Any:
    """Convert "true" and "false"; keep other values."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def take_and_skip(*, take: int = 250, most: int = 250, blank_ok: bool = True) -> tuple[Field, Field]:
    """Return the fields `take` and `skip`. An empty text counts as missing unless `blank_ok` is False (bookings)."""

    def convert(value: Any) -> Any:
        """Convert a text to a number."""
        return None if value == "" and blank_ok else to_int(value)

    return (
        Field("take", maximum(most), minimum(1), number, optional=True, convert=convert, default=take),
        Field("skip", minimum(0), number, optional=True, convert=convert, default=0),
    )
