"""What a field of a catalogue file may hold, written without importing the validator: only users' files need that."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class Matches:
    """A text that fits a pattern as a whole."""

    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> "CoreSchema":
        """How pydantic checks it."""
        from pydantic_core import core_schema

        return core_schema.str_schema(pattern=self.pattern)


@dataclass(frozen=True, slots=True)
class Above:
    """A whole number above `least`."""

    least: int

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> "CoreSchema":
        """How pydantic checks it."""
        from pydantic_core import core_schema

        return core_schema.int_schema(gt=self.least)


Identifier = Annotated[str, Matches(r"^[a-z0-9][a-z0-9._-]{0,95}$")]
RepositoryName = Annotated[str, Matches(r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
FileName = Annotated[
    str, Matches(r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,3}\.gguf$")
]  # no "..", no absolute path: it is joined to a folder
Sha256 = Annotated[str, Matches(r"^[0-9a-f]{64}$")]
Revision = Annotated[str, Matches(r"^[0-9a-f]{7,40}$")]
Day = Annotated[str, Matches(r"^\d{4}-\d{2}-\d{2}$")]
Positive = Annotated[int, Above(0)]
