"""A table of a TOML file, read key by key; what is wrong with it is said with file, key, value, limit and remedy."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from .errors import ConfigError, NotFound

T = TypeVar("T")
Limits = tuple[float, float]  # smallest and largest that is allowed
ANY: Limits = (-math.inf, math.inf)


def closest(word: str, known: Iterable[str]) -> str:
    """What to do about a word that is none of those known.

    >>> closest("polcy", ["node", "policy"])
    "did you mean 'policy'?"
    """
    words = sorted(known)
    found = get_close_matches(word, words, 1, 0.5) or get_close_matches(word.lower(), words, 1, 0.5)
    return f"did you mean {found[0]!r}?" if found else f"use one of {', '.join(words) or 'none, for there are none'}"


@dataclass(frozen=True)
class Table:
    """One table; `name` is how its header is written, such as "[policy]", and "" at the top of the file."""

    file: str
    name: str
    values: Mapping[str, Any]

    @staticmethod
    def read(file: Path) -> Table:
        """A whole file. Raises NotFound where there is none, ConfigError where it is no TOML."""
        try:
            return Table(str(file), "", tomllib.loads(file.read_text("utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"no file {file}: this command reads it; write one, or `ganglion new NAME` does") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file} cannot be read as TOML: {error}; correct it there") from None

    def __contains__(self, key: str) -> bool:
        return key in self.values

    @property
    def place(self) -> str:
        """Where a reader finds it."""
        return f"{self.file} {self.name}".strip()

    def only(self, *known: str) -> Table:
        """Itself. Raises ConfigError for a key that is not known."""
        for key in self.values:
            if key not in known:
                holds = ", ".join(sorted(known))
                raise ConfigError(f"unknown key {key!r} in {self.place}: it may hold {holds}; {closest(key, known)}")
        return self

    def wrong(self, key: str, holds: str, remedy: str) -> ConfigError:
        """The error for a key whose value will not do."""
        return ConfigError(f"{key} = {self.values.get(key)!r} in {self.place}: {holds}; {remedy}")

    def text(self, key: str, default: str | None = None, among: Iterable[str] = ()) -> str:
        """A string, one of those allowed where some are named. Required where it has no default."""
        value = self._value(key, default)
        known = sorted(among)
        if not isinstance(value, str):
            raise self.wrong(key, "it must be text", "write it in quotes")
        if known and value not in known:
            raise self.wrong(key, f"it must be one of {', '.join(known)}", closest(value, known))
        return value

    def number(self, key: str, default: float | None = None, limits: Limits = ANY) -> float:
        """A number within limits."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.wrong(key, "it must be a number", f"such as {_example(limits):g}, without quotes")
        if not limits[0] <= value <= limits[1]:
            raise self.wrong(key, f"it must be {_span(limits)}", f"such as {_example(limits):g}")
        return float(value)

    def whole(self, key: str, default: int | None = None, limits: Limits = ANY) -> int:
        """A whole number within limits."""
        value = self.number(key, default, limits)
        if value != int(value):
            raise self.wrong(key, "it must be a whole number", f"such as {round(value)}")
        return int(value)

    def numbers(self, key: str, default: tuple[float, ...], limits: Limits = ANY) -> tuple[float, ...]:
        """A list of numbers, each within limits; at least one."""
        values = self._value(key, list(default))
        if not isinstance(values, list) or not values:
            raise self.wrong(key, "it must be a list of numbers", f"such as [{_example(limits):g}]")
        rows = [Table(self.file, self.name, {key: value}) for value in values]
        return tuple(row.number(key, None, limits) for row in rows)

    def table(self, key: str) -> Table:
        """A table within this one; an empty one where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "it must be a table", f"write [{key}] on a line of its own and its keys below")
        return Table(self.file, f"[{'.'.join([*self._path(), key])}]", value)

    def tables(self, key: str) -> list[Table]:
        """The tables of an array, in their order."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.wrong(key, "it must be an array of tables", f"write [[{key}]] above the keys of each")
        return [Table(self.file, f"[[{key}]] number {place}", one) for place, one in enumerate(value, 1)]

    def into(self, kind: type[T], limits: Mapping[str, Limits], **given: Any) -> T:
        """A dataclass of numbers and texts from the keys of this table; what is given is not read."""
        hints, made = get_type_hints(kind), dict(given)
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name in made or (field.name not in self.values and field.default is not MISSING):
                continue
            read = {int: self.whole, float: self.number}.get(hints[field.name])
            made[field.name] = read(field.name, None, limits.get(field.name, ANY)) if read else self.text(field.name)
        return kind(**made)

    def _path(self) -> list[str]:
        return [self.name.strip("[]")] if self.name else []

    def _value(self, key: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if value is None:
            raise ConfigError(f"{self.place} has no {key}: it is needed; add a line `{key} = …`")
        return value


def _span(limits: Limits) -> str:
    low, high = limits
    if high == math.inf:
        return f"at least {low:g}"
    return f"at most {high:g}" if low == -math.inf else f"between {low:g} and {high:g}"


def _example(limits: Limits) -> float:
    return max(limits[0], min(1.0, limits[1]))
