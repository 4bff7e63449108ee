import pytest

from labkit.bench import CoreBench, CoreTest, MachineLimits, run_core_bench
from labkit.errors import InputError, ModelLoadError
from labkit.resources import embedded_model

# llama-bench's JSON fields at llama.cpp 0c1e57098, in its order.
LLAMA_BENCH_FIELDS = """
    build_commit build_number cpu_info gpu_info backends model_filename model_type model_size
    model_n_params n_batch n_ubatch n_threads cpu_mask cpu_strict poll type_k type_v n_gpu_layers
    n_cpu_moe split_mode main_gpu no_kv_offload flash_attn devices tensor_split
    tensor_buft_overrides load_mode lazy_mode embeddings no_op_offload no_host repack fit_target
    fit_min_ctx n_prompt n_gen n_depth test_time avg_ns stddev_ns avg_ts stddev_ts samples_ns
    samples_ts
""".split()


@pytest.mark.parametrize(
    ("test", "name"),
    [
        (CoreTest(512, 0), "pp512"),
        (CoreTest(0, 128), "tg128"),
        (CoreTest(512, 128), "pp512+tg128"),
        (CoreTest(0, 16, 4096), "tg16 @ d4096"),
    ],
)
def test_names_are_llama_bench_s(test, name):
    assert test.name == name


def test_a_run_on_the_embedded_model_gives_llama_bench_s_fields():
    tests = (CoreTest(48, 0), CoreTest(0, 4), CoreTest(0, 4, 32), CoreTest(16, 4))
    seen = []
    bench = CoreBench(tests, repetitions=3, num_threads=1, ubatch_tokens=16, limits=MachineLimits(1e9, 64_000_000))
    records = list(run_core_bench(embedded_model(), bench, on_repetition=lambda test, n: seen.append((test, n))))
    assert [record.test for record in records] == list(tests)
    assert seen == [(test, number) for test in tests for number in (1, 2, 3)]
    row = records[0].as_row()
    assert [name for name in row if not name.startswith("labkit_")] == LLAMA_BENCH_FIELDS
    assert (row["n_prompt"], row["n_gen"], row["n_threads"], row["n_ubatch"]) == (48, 0, 1, 16)
    assert len(row["samples_ns"]) == 3
    rates = [1e9 * 48 / sample for sample in row["samples_ns"]]
    assert row["samples_ts"] == pytest.approx(rates)
    assert row["avg_ts"] == pytest.approx(sum(rates) / 3)


def test_the_weights_are_read_once_per_micro_batch_and_token():
    bench = CoreBench((CoreTest(40, 3),), repetitions=1, num_threads=1, ubatch_tokens=16, limits=MachineLimits(1e9))
    (record,) = run_core_bench(embedded_model(), bench)
    share = record.bandwidth
    assert share.bytes_moved == (3 + 3) * record.facts.model_size
    assert share.share == pytest.approx(share.bytes_moved / (record.samples_ns[0] / 1e9) / 1e9)
    assert not share.fits_cache


@pytest.mark.parametrize(
    "bench",
    [
        CoreBench(tests=()),
        CoreBench(tests=(CoreTest(0, 0),)),
        CoreBench(repetitions=0),
        CoreBench(num_threads=0),
        CoreBench(ubatch_tokens=0),
    ],
)
def test_sizes_that_cannot_be_run_are_refused(bench):
    with pytest.raises(InputError):
        next(iter(run_core_bench(embedded_model(), bench)))


def test_a_missing_file_is_a_load_error(tmp_path):
    with pytest.raises(ModelLoadError, match="there is no file"):
        next(iter(run_core_bench(tmp_path / "none.gguf", CoreBench())))
