"""Checks of JSON values: each refuses what does not fit, and names the place."""

from collections.abc import Callable

from reference_server.errors import RequestError, shown

Check = Callable[[str, object], object]
"""Takes the place and the value, gives the value back, and raises RequestError where it does not fit."""

_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer"}


def describe(value: object) -> str:
    """Name the JSON type of a value as a client knows it."""
    if value is None:
        return "null"
    return _NAMES.get(type(value), "a decimal")


def wrong_type(place: str, expected: str, value: object) -> RequestError:
    """Refuse a value of another type."""
    message = f"Invalid type for '{place}': expected {expected}, but got {describe(value)} instead."
    return RequestError(message, param=place, code="invalid_type")


def wrong_value(place: str, message: str, code: str = "invalid_value") -> RequestError:
    """Refuse a value of the right type."""
    return RequestError(f"Invalid '{place}': {message}", param=place, code=code)


def missing(place: str) -> RequestError:
    """Refuse a request that lacks something."""
    return RequestError(f"Missing required parameter: '{place}'.", param=place, code="missing_required_parameter")


def boolean(place: str, value: object) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise wrong_type(place, "a boolean", value)
    return value


def text(place: str, value: object) -> str:
    """Accept a string."""
    if not isinstance(value, str):
        raise wrong_type(place, "a string", value)
    return value


def obj(place: str, value: object) -> dict[str, object]:
    """Accept an object."""
    if not isinstance(value, dict):
        raise wrong_type(place, "an object", value)
    return value


def array(place: str, value: object, *, most: int | None = None, least: int = 0) -> list[object]:
    """Accept an array of a permitted length."""
    if not isinstance(value, list):
        raise wrong_type(place, "an array", value)
    if len(value) < least:
        raise wrong_value(place, f"expected at least {least} items, but got {len(value)}.", "empty_array")
    if most is not None and len(value) > most:
        raise wrong_value(place, f"expected at most {most} items, but got {len(value)}.", "array_above_max_length")
    return value


def integer(least: int | None = None, most: int | None = None) -> Check:
    """Accept a whole number within limits."""

    def check(place: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(place, "an integer", value)
        _within(place, value, least, most, "integer")
        return value

    return check


def number(least: float, most: float) -> Check:
    """Accept a number within limits."""

    def check(place: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(place, "a decimal", value)
        _within(place, value, least, most, "decimal")
        return float(value)

    return check


def one_of(*words: str) -> Check:
    """Accept one of some words."""

    def check(place: str, value: object) -> str:
        if (word := text(place, value)) not in words:
            raise wrong_value(place, f"expected one of {', '.join(map(repr, words))}, but got {shown(repr(word))}.")
        return word

    return check


def _within(place: str, value: float, least: float | None, most: float | None, kind: str) -> None:
    if least is not None and not value >= least:
        raise wrong_value(place, f"expected a value >= {least}, but got {shown(value)}.", f"{kind}_below_min_value")
    if most is not None and not value <= most:
        raise wrong_value(place, f"expected a value <= {most}, but got {shown(value)}.", f"{kind}_above_max_value")
