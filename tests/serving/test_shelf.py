"""Models that come to this machine and go from it while an endpoint serves all of them."""

import asyncio
import shutil
from dataclasses import replace

import pytest

from fakes.endpoints import fake_model, fake_plan
from labkit import resources
from labkit.errors import ModelNotFoundError
from labkit.serving.shelf import Shelf
from labkit.serving.worker_pool import WorkerPool
from labkit.settings import load_settings


@pytest.fixture
def plan(tmp_path):
    settings = load_settings({"LABKIT_HOME": str(tmp_path / "home")})
    settings.models_folder.mkdir(parents=True)
    return replace(fake_plan(tmp_path, "named"), settings=settings, whole_store=True)


def names(shelf):
    return [model.ref.name for model in shelf.models()]


def test_what_was_named_comes_first_and_every_other_model_is_there_once(plan):
    folder = plan.settings.models_folder
    fake_model(folder / "dropped.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF and no more")
    shelf = Shelf(plan)
    before = shelf.stamp()
    assert names(shelf) == ["named", "nano", "dropped"]
    dropped = shelf.models()[2]
    assert (dropped.stays, dropped.estimate.trust) == (False, "file header")
    fake_model(folder / "later.gguf")
    assert shelf.stamp() != before
    assert names(shelf) == ["named", "nano", "dropped", "later"]
    assert shelf.models()[2] is dropped  # read once
    assert names(Shelf(replace(plan, whole_store=False))) == ["named"]


def test_a_file_that_is_still_being_copied_is_served_when_it_is_whole(plan):
    path = plan.settings.models_folder / "large.gguf"
    whole = resources.embedded_model().read_bytes()
    shelf = Shelf(plan)
    with path.open("wb") as copy:
        copy.write(whole[:1000])
        copy.flush()
        assert names(shelf) == ["named", "nano"]
        before = shelf.stamp()
        assert shelf.stamp() == before
        copy.write(whole[1000:])
    assert shelf.stamp() != before
    assert names(shelf) == ["named", "nano", "large"]


def test_a_model_that_comes_later_can_be_asked_for_at_once_and_one_that_goes_until_it_leaves(plan, monkeypatch):
    monkeypatch.setattr("labkit.serving.worker_pool.LOOK_SECONDS", 0.02)
    path = plan.settings.models_folder / "later.gguf"

    async def scenario(pool):
        await pool.start()
        with pytest.raises(ModelNotFoundError):
            await pool.load("later")
        shutil.copy(resources.embedded_model(), path)
        await pool.load("later")
        assert [card.name for card in pool.models()] == ["named", "nano", "later"]
        path.unlink()
        await asyncio.sleep(0.1)
        assert pool.health()["later"].state == "ready"
        await pool.unload("later")
        while "later" in pool.health():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        with pytest.raises(ModelNotFoundError):
            await pool.load("later")

    async def main():
        pool = WorkerPool(plan)
        try:
            await scenario(pool)
        finally:
            await pool.stop()

    asyncio.run(main())


def test_the_embedded_model_has_its_digest_and_its_other_name(plan):
    nano = Shelf(plan).models()[1]
    assert nano.aliases == ("labkit-nano",)
    assert len(nano.digest) == 64
