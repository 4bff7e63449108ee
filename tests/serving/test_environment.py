from labkit.serving.environment import worker_environment


def test_a_worker_gets_what_native_code_needs_and_no_key():
    needed = {"PATH": "/bin", "LD_LIBRARY_PATH": "/lib", "CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2",
              "LANG": "C", "HOME": "/home/me", "LABKIT_HOME": "/data", "SystemRoot": "C:\\Windows"}  # fmt: skip
    secret = {"HF_TOKEN": "a", "OPENAI_API_KEY": "b", "AWS_SECRET_ACCESS_KEY": "c", "DATABASE_URL": "d",
              "SSH_AUTH_SOCK": "e", "GITHUB_TOKEN": "f", "HTTPS_PROXY": "g", "PGPASSWORD": "h",
              "LABKIT_API_KEY": "i", "PATHOLOGY": "j", "NVIDIA_API_KEY": "k"}  # fmt: skip
    assert worker_environment(needed | secret) == needed
