import configparser
import plistlib
from pathlib import Path

from labkit.serving.service_unit import kept_environment, launchd_service, systemd_service

COMMAND = ("/opt/lab kit/python", "-m", "labkit", "serve", "100%$HOME", 'a"b')
ENVIRONMENT = {"LABKIT_HOME": "/data/50%/lab kit"}
HOME = Path("/home/me")


def test_a_systemd_unit_starts_the_command_as_it_is():
    service = systemd_service(COMMAND, ENVIRONMENT, HOME / ".config")
    assert service.path == HOME / ".config/systemd/user/labkit.service"
    unit = configparser.RawConfigParser(strict=True)
    unit.optionxform = str
    unit.read_string(service.text)
    assert unit["Service"]["ExecStart"] == r'"/opt/lab kit/python" -m labkit serve 100%%$$HOME "a\"b"'
    assert unit["Service"]["Environment"] == '"LABKIT_HOME=/data/50%%/lab kit"'
    assert (unit["Service"]["Restart"], unit["Service"]["TimeoutStopSec"]) == ("on-failure", "45")
    assert unit["Install"]["WantedBy"] == "default.target"
    assert service.start[-1] == ("systemctl", "--user", "enable", "--now", "labkit.service")
    assert service.stop == (("systemctl", "--user", "disable", "--now", "labkit.service"),)


def test_a_launchd_agent_starts_the_command_as_it_is():
    service = launchd_service(COMMAND, ENVIRONMENT, HOME, HOME / "logs")
    assert service.path == HOME / "Library/LaunchAgents/labkit.serve.plist"
    content = plistlib.loads(service.text.encode())
    assert content["ProgramArguments"] == list(COMMAND)
    assert content["EnvironmentVariables"] == ENVIRONMENT
    assert content["RunAtLoad"] is True
    assert content["KeepAlive"] == {"SuccessfulExit": False}
    assert service.start == (("launchctl", "load", "-w", str(service.path)),)


def test_no_key_is_written_down():
    environment = {"LABKIT_HOME": "/x", "HF_TOKEN": "canary", "LABKIT_API_KEY": "canary", "PATH": "/bin"}
    assert kept_environment(environment) == {"LABKIT_HOME": "/x"}
