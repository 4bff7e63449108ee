"""What a worker may know of the front's environment: enough to run native code, and no key."""

import re
from collections.abc import Mapping

_ALLOWED = re.compile(
    r"""PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|TMP|TEMP|VIRTUAL_ENV|CONDA_PREFIX
    |PYTHON.*|LD_.*|DYLD_.*|XDG_CACHE_HOME|XDG_DATA_HOME|COVERAGE_.*
    |CUDA_.*|NVIDIA_.*|HIP_.*|ROCR_.*|HSA_.*|GPU_.*|VK_.*|MESA_.*|ONEAPI_.*|SYCL_.*|ZE_.*
    |GGML_.*|LLAMA_.*|OMP_.*|KMP_.*|GOMP_.*|OPENBLAS_.*|MKL_.*|LABKIT_.*
    |SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|USERPROFILE|PROGRAMDATA
    |NUMBER_OF_PROCESSORS|PROCESSOR_.*""",
    re.VERBOSE,
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH")


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of `environment` a worker gets: an allow-list, minus everything that sounds like a secret."""
    return {
        name: value
        for name, value in environment.items()
        if _ALLOWED.fullmatch(name.upper()) and not _SECRET.search(name.upper())
    }
