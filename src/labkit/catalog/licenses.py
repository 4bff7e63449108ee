"""What a model's license allows, in plain words, from a table with sources. An unknown license stays unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import msgspec

from labkit.catalog.catalog import nearest
from labkit.catalog.reading import SHIPPED
from labkit.errors import InputError

LicenseClass = Literal["permissive", "commercial-ok"]
CLASSES: tuple[LicenseClass, ...] = get_args(LicenseClass)


@dataclass(frozen=True, slots=True)
class License:
    """A license.

    Attributes:
        id: as the hub writes it.
        spdx: its SPDX identifier, for those that have one.
        restrictions: in words; none for a license that asks for notices at most.
        source: where its terms were read.
    """

    id: str
    name: str
    classes: tuple[LicenseClass, ...]
    source: str
    spdx: str | None = None
    restrictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LicenseFilter:
    """Licenses a person accepts: ids, SPDX ids (in any case) and classes; empty accepts all."""

    wanted: tuple[str, ...] = ()

    def refusal(self, license_id: str) -> str:
        """Why a model of this license is not wished for; empty when it is."""
        if not self.wanted or license_id.casefold() in self.wanted:
            return ""
        known = find_license(license_id)
        if known is None:
            return f"its license is '{license_id}', of which nothing is known"
        names = {known.id, (known.spdx or known.id).casefold(), *known.classes}
        if names & set(self.wanted):
            return ""
        why = f": {known.restrictions[0]}" if known.restrictions else ""
        return f"its license is {known.name}{why}"


@cache
def licenses() -> dict[str, License]:
    """Every license of the table, by id."""
    table = msgspec.json.decode((SHIPPED / "licenses.json").read_bytes(), type=_Table)
    return {row.id: row for row in table.licenses}


def find_license(license_id: str) -> License | None:
    """A license by its id or SPDX id, in any case; None when nothing is known of it."""
    wanted = license_id.casefold()
    known = licenses()
    return known.get(wanted) or next((row for row in known.values() if (row.spdx or "").casefold() == wanted), None)


def parse_license_filter(words: Iterable[str], in_use: Iterable[str] = ()) -> LicenseFilter:
    """A filter of names separated by commas. `in_use` are the licenses of the catalogue's own rows.

    Raises InputError for a name that is neither a class nor a known license.
    """
    wanted = tuple(part.strip().casefold() for word in words for part in word.split(",") if part.strip())
    used = {name.casefold() for name in in_use}
    for name in wanted:
        if name not in CLASSES and name not in used and find_license(name) is None:
            names = sorted({*CLASSES, *used, *licenses()})
            near = nearest(name, names)
            hint = f"did you mean {' or '.join(near)}?" if near else f"one of: {', '.join(names)}"
            raise InputError(f"'{name}' is not a license that labkit knows", hint=hint)
    return LicenseFilter(wanted)


@dataclass(frozen=True, slots=True)
class _Table:
    licenses: tuple[License, ...]
