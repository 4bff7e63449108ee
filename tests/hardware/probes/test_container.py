import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.container import probe_container

OVERLAY = "1 0 0:1 / / rw - overlay overlay rw,lowerdir=/x\n"
KUBELET = "9 1 8:1 /var/lib/kubelet/pods/1/etc-hosts /etc/hosts rw - ext4 x rw\n"
DOCKER = "9 1 8:1 /var/lib/docker/containers/1/hosts /etc/hosts rw - ext4 x rw\n"
MERGED = "9 1 0:9 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw\n"
LXCFS = "8 1 0:99 / {} rw,nosuid,nodev - fuse.lxcfs lxcfs rw,user_id=0\n"
HOST = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": ""}, "podman"),
        ({"/proc/self/cgroup": "0::/system.slice/docker-0123.scope\n"}, "docker"),
        ({"/proc/self/cgroup": "4:memory:/docker/0123\n"}, "docker"),
        ({"/proc/self/cgroup": "0::/machine.slice/libpod-0123.scope/container\n"}, "podman"),
        ({"/proc/self/cgroup": "0::/lxc.payload.web/x\n"}, "lxc"),
        ({"/proc/self/cgroup": "0::/.lxc\n"}, "lxc"),
        ({"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": HOST + LXCFS.format("/proc/meminfo")}, "lxc"),
        ({"/proc/self/mountinfo": HOST + LXCFS.format("/var/lib/lxcfs")}, None),
        ({"/proc/self/cgroup": "0::/ecs/0123/4567\n", "/.dockerenv": ""}, "ecs"),
        ({"/proc/self/cgroup": "0::/kubepods.slice/cri-1.scope\n", "/.dockerenv": ""}, "kubernetes"),
        ({"/proc/self/mountinfo": OVERLAY + KUBELET}, "kubernetes"),
        ({"/proc/self/mountinfo": OVERLAY + DOCKER}, "docker"),
        ({"/proc/self/mountinfo": HOST + MERGED}, None),
        ({"/run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"/run/systemd/container": "wsl\n"}, None),
        ({"/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-2.scope\n"}, None),
        ({"/proc/self/cgroup": "0::/system.slice/docker.service\n"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_marks_of_each_runtime(files, name):
    assert probe_container(FakeSource(files=files)) == name
