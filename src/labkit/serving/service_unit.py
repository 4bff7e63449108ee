"""Service definitions that start `labkit serve` with the user's session: texts, and where they belong. Pure."""

import plistlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NAME = "labkit"
LABEL = "labkit.serve"
STOP_SECONDS = 45  # an endpoint drains for 30
_KEPT = ("LABKIT_HOME", "LABKIT_HOST", "LABKIT_PORT", "XDG_DATA_HOME", "XDG_CONFIG_HOME")


@dataclass(frozen=True, slots=True)
class Service:
    """One definition.

    Attributes:
        path: where the system's service manager looks for it.
        text: its content.
        start, stop, status: commands, one after another.
    """

    path: Path
    text: str
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    status: tuple[str, ...]


def kept_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the user's environment the service needs to find the same models. No key is ever written down."""
    return {name: environment[name] for name in _KEPT if name in environment}


def systemd_service(command: Sequence[str], environment: Mapping[str, str], config_home: Path) -> Service:
    """For Linux: a unit of the user's own systemd."""
    lines = [
        "[Unit]",
        "Description=labkit: language models on this machine",
        "After=network.target",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join(_systemd_word(word).replace('$', '$$') for word in command)}",
        *(f"Environment={_systemd_word(f'{name}={value}')}" for name, value in environment.items()),
        "Restart=on-failure",
        "RestartSec=5",
        "KillMode=mixed",
        f"TimeoutStopSec={STOP_SECONDS}",
        "NoNewPrivileges=yes",
        "LimitCORE=0",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    user = ("systemctl", "--user")
    unit = f"{NAME}.service"
    return Service(
        path=config_home / "systemd" / "user" / unit,
        text="\n".join(lines) + "\n",
        start=((*user, "daemon-reload"), (*user, "enable", "--now", unit)),
        stop=((*user, "disable", "--now", unit),),
        status=(*user, "--no-pager", "status", unit),
    )


def launchd_service(command: Sequence[str], environment: Mapping[str, str], home: Path, logs: Path) -> Service:
    """For macOS: an agent of the user's own launchd."""
    path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    content = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ExitTimeOut": STOP_SECONDS,
        "StandardErrorPath": str(logs / "service.log"),
    }
    return Service(
        path=path,
        text=plistlib.dumps(content, sort_keys=False).decode(),
        start=(("launchctl", "load", "-w", str(path)),),
        stop=(("launchctl", "unload", "-w", str(path)),),
        status=("launchctl", "list", LABEL),
    )


def as_typed(command: Sequence[str]) -> str:
    """The command as a person would type it."""
    return shlex.join(command)


def _systemd_word(word: str) -> str:
    """One word of a unit's line: percent signs mean something there, and so do quotes and spaces."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if not word or any(letter in word for letter in " \t\"'\\;#") else escaped
