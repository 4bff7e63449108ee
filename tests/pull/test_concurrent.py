"""Several processes pull, remove and collect the same model: no traceback, and in the end a store that is whole."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from fakes import gguf_writer
from fakes.crashes import Crasher
from fakes.hub import BoxRepository, hub_box
from labkit.settings import Settings
from labkit.store import open_store
from labkit.store.verify import verify

ROUNDS = 6


def test_pull_rm_and_gc_at_once(tmp_path):
    own = gguf_writer.write_tiny_llama(tmp_path / "own.gguf")
    home = tmp_path / "home"
    with hub_box({"org/tiny": BoxRepository({"tiny-Q8_0.gguf": own})}) as box, ExitStack() as stack:
        crashers = [Crasher({**os.environ, **box.environment()}, tmp_path) for _ in range(4)]
        for crasher in crashers:
            stack.callback(crasher.close)
        orders = (("pull",), ("pull", "rm"), ("rm", "import_own"), ("gc", "pull"))

        def work(crasher, order):
            return [crasher.run(order[number % len(order)], home) for number in range(ROUNDS)]

        with ThreadPoolExecutor(4) as pool:
            outcomes = [outcome for done in pool.map(work, crashers, orders) for outcome in done]
        assert [outcome.what for outcome in outcomes if outcome.outcome not in ("done", "error")] == []
        assert not [outcome.what for outcome in outcomes if "cannot write" in outcome.what]
        last = crashers[0].run("pull", home)
        assert last.outcome == "done", last.what
        assert crashers[0].run("gc", home).outcome == "done"
    store = open_store(Settings(home))
    assert list(verify(store, deep=True)) == []
    assert "org/tiny:Q8_0" in [manifest.name for manifest in store.list().manifests]
    assert not list(store.layout.parts.iterdir())
    assert not list(store.layout.quarantine.glob("*"))
