"""Takes out of captured texts what names a person or one very machine: serial numbers, ids, names, processes.

What a probe reads stays as it was: sizes, names of parts, versions, PCI addresses. Equal ids stay equal and
different ones different, so that two cards or two control groups are still two.
"""

import getpass
import json
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REDACTED = "REDACTED"
_EMPTY = re.compile(r"^[\[(]?(n/?a|none|null|unknown|not (available|supported|specified|applicable)|0+|)[\])]?$", re.I)
_UUID = re.compile(
    r"(?<![0-9a-zA-Z])[0-9a-f]{8}([-_])[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-zA-Z])", re.I
)
_LONG_HEX = re.compile(r"(?<![0-9a-zA-Z.])(?:0x)?(?=[0-9a-f]*[0-9])[0-9a-f]{32,}(?![0-9a-zA-Z])", re.I)
_MAC = re.compile(
    r"(?<![0-9a-fA-F:.-])[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}(?:\1[0-9a-fA-F]{2}){0,2}(?![0-9a-fA-F:.])"
)
# Addresses of a home or office network, and every address in the list of systeminfo; versions look like others.
_ADDRESS = re.compile(
    r"(?<![\d.])192\.168\.\d{1,3}\.\d{1,3}(?![\d.])|(?<=\]: )(?:\d{1,3}\.){3}\d{1,3}$|"
    r"(?<![0-9a-f:])(?:fe80|f[cd][0-9a-f]{2}|2[0-9a-f]{3})(?::[0-9a-f]{0,4}){3,7}(?![0-9a-f:])",
    re.I | re.M,
)
# Of a mail, and of whoever built a kernel: "Linux version 6.8.0 (name@computer)".
_NAME_AT_PLACE = re.compile(r"(?<![\w.+%-])[a-z_][\w.+-]{0,63}@[a-z][\w.-]{0,252}", re.I)
_BATTERY = re.compile(r"(?<=\(id=)\d{4,}")
_POD = re.compile(r"(?<=pod)[0-9a-f]{8}([-_])[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.I)
_HOMES = re.compile(
    r"(?P<before>/home/|/Users/|(?<=[A-Za-z]:)\\Users\\|\\\\Users\\\\)(?P<name>(?!Shared\b|Public\b)[^/\\\s\"',;:<>]+)"
)
# Keys whose value is an identity, whole key by whole key: "Serial Number (system)", "UUID", "host_name" ...
_KEY = (
    r"[\w ./()-]*?(?:serial(?:[ ._-]?(?:number|num|no|\#))?\d?|(?:u|g)uid|udid|unique[ ._-]?(?:id|number)|"
    r"(?:machine|hardware|product|boot|device|chassis|asset)[ ._-]?(?:uuid|udid|id\#)|machine[ ._-]?id|"
    r"(?<![a-z])pdi|fru[ ._-]?id|domain|product[ ._-]?id|"
    r"product[ ._-]?key|asset[ ._-]?tag|service[ ._-]?tag|"
    r"(?:host|user|computer|node|domain|account)[ ._-]?name|nodename|owner|registered[ ._-]?(?:owner|organi[sz]ation)|"
    r"mac[ ._-]?address|ip[ ._-]?address|e-?mail|edid|imei|logon[ ._-]?server|"
    r"_?spdisplays_display-(?:serial-number\d?|vendor-id|product-id|week|year))(?:[ _]?\([^)\n]*\))?"
)
_LABEL = re.compile(_KEY, re.IGNORECASE)
# The forms of a key and its value in JSON, ioreg, XML, text with a colon or an equals sign, and Windows' registry.
# Bounded everywhere: a hostile or damaged text must not take long.
_LABELLED = (
    re.compile(r'(?P<head>"(?P<key>[^"\n]{1,80})"\s{0,9}:\s{0,9}")(?P<value>[^"\n]*)'),
    re.compile(r'(?P<head>"(?P<key>[^"\n]{1,80})"\s{0,9}=\s{0,9}["<]?)(?P<value>[^">\n]*)'),
    re.compile(r"(?P<head><(?P<key>[\w.-]{1,80})>)(?P<value>[^<\n]*)"),
    re.compile(
        r"(?P<head>^[ \t|]*(?:\d{1,4}[ \t]*\|[ \t]*)?(?:GPU\[\d{1,4}\][ \t]*:[ \t]*)?"
        r"(?P<key>[^\n:=|\"<>]{1,80}?)[ \t]*[:=][ \t]*)(?P<value>[^\n]*)",
        re.MULTILINE,
    ),
    re.compile(r"(?P<head>^[ \t]+(?P<key>\S[^\n]{0,79}?)[ \t]+REG_\w{1,20}[ \t]+)(?P<value>[^\n]*)", re.MULTILINE),
)
_PROCESS_KEYS = re.compile(r"^(processes|process_list|process_info|.*_processes|pids?|pid\d+)$", re.I)
_XML_PROCESSES = re.compile(r"(<(\w{0,40}processes)>).*?(</\2>|\Z)", re.S)
_TABLE_PROCESSES = re.compile(r"^\|\s*Processes:.*\Z", re.S | re.M)
_LIST_PROCESSES = re.compile(r"^(?P<indent>[ \t]*)Processes[ \t]*(?::[^\n]*)?\n(?:(?P=indent)[ \t]+[^\n]*\n?)*", re.M)
# Names that say nothing about a person, or that captures need.
_COMMON_NAMES = frozenset(
    "root user admin administrator ubuntu debian fedora linux host localhost localdomain home local test guest runner "
    "nvidia intel apple windows darwin radeon docker default server desktop laptop generic system unknown".split()
)
_LEAST_NAME_CHARACTERS = 3
_STAND_IN_DIGITS = 6
# The same on every machine: Windows' class of display adapters.
_PUBLIC_IDS = frozenset({"4d36e968e32511cebfc108002be10318"})


@dataclass(slots=True)
class Redactor:
    """Replaces what identifies. `names`: a word of the machine's owner or network -> what stands in its place."""

    names: dict[str, str] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)

    def redact(self, text: str) -> str:
        """The text without identities. Any text is taken, also one that was cut."""
        text = _without_processes(text)
        for pattern in _LABELLED:
            text = pattern.sub(self._masked, text)
        for pattern in (_POD, _UUID, _LONG_HEX):
            text = pattern.sub(lambda match: self._number(match[0]), text)
        text = _MAC.sub(lambda match: re.sub(r"[0-9a-fA-F]", "0", match[0]), text)
        text = _ADDRESS.sub("0.0.0.0", text)
        text = _NAME_AT_PLACE.sub("user@host", text)
        text = _BATTERY.sub("0", text)
        text = _HOMES.sub(lambda match: match["before"] + "user", text)
        for name, stand_in in self.names.items():
            text = re.sub(
                rf"(?<![0-9A-Za-z]){re.escape(name)}(?![0-9A-Za-z])", lambda _, to=stand_in: to, text, flags=re.I
            )
        return text

    def _masked(self, match: re.Match[str]) -> str:
        """The labelled value replaced, by the same word for the same value."""
        value = match["value"].strip(" \t\r\"',|")
        if _EMPTY.match(value) or value.startswith(REDACTED) or not _LABEL.fullmatch(match["key"].strip()):
            return match[0]
        count = self._ids.setdefault(value.lower(), len(self._ids) + 1)
        border = " |" if match["value"].rstrip().endswith("|") else ""
        return f"{match['head']}{REDACTED}-{count}{border}"

    def _number(self, found: str) -> str:
        """The id with its digits replaced by a running number: the same for the same id, of the same shape."""
        digits = re.sub(r"[-_]|^0x", "", found.lower())
        if digits in _PUBLIC_IDS or not digits[:-_STAND_IN_DIGITS].strip("0"):  # or a stand-in already
            return found
        count = self._ids.setdefault(digits, len(self._ids) + 1)
        kept = iter(f"{count:0{len(digits)}d}")
        body = found[2:] if found.lower().startswith("0x") else found
        return found[: len(found) - len(body)] + "".join(char if char in "-_" else next(kept) for char in body)


def redactor_of_this_machine() -> Redactor:
    """One that knows the names of this machine, its user and its home folder."""
    names: dict[str, str] = {}
    for name in _host_names():
        names[name] = "host"
    for name in _user_names():
        names[name] = "user"
    wanted = {name: to for name, to in names.items() if _is_telling(name)}
    # Long names first: a name may be a part of another.
    return Redactor(dict(sorted(wanted.items(), key=lambda item: -len(item[0]))))


def _is_telling(name: str) -> bool:
    return len(name) >= _LEAST_NAME_CHARACTERS and name.lower() not in _COMMON_NAMES and not name.isdecimal()


def _host_names() -> Iterable[str]:
    full = socket.gethostname()
    return {full, full.partition(".")[0]} - {""}


def _user_names() -> Iterable[str]:
    found: set[str] = {_asked(getpass.getuser), _asked(lambda: Path.home().name)}
    return found - {""}


def _asked(function: Callable[[], str]) -> str:
    try:
        return function()
    except (OSError, KeyError, RuntimeError, ImportError):  # a user without an entry in the system's list
        return ""


def _without_processes(text: str) -> str:
    if text.lstrip().startswith(("{", "[")):
        text = _json_without_processes(text)
    text = _XML_PROCESSES.sub(lambda match: f"{match[1]}{match[3]}", text)
    text = _TABLE_PROCESSES.sub(f"| Processes: {REDACTED} |\n", text)
    return _LIST_PROCESSES.sub(lambda match: f"{match['indent']}Processes : {REDACTED}\n", text)


def _json_without_processes(text: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # A cut document: from the first such key on, nothing can be told apart.
        return re.sub(r'"(?:\w{0,40}processes|process_list|PID\d+)"\s*:.*\Z', "", text, flags=re.S)
    pruned = _pruned(document)
    return text if pruned == document else json.dumps(pruned, indent=2) + "\n"


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if not _PROCESS_KEYS.match(key)}
    return [_pruned(item) for item in value] if isinstance(value, list) else value
