"""Models are deployed, followed, reloaded and rolled back by several workers through one file."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.errors import BundleError
from churn_pipeline.scorer.bundle import read_bundle, to_json, write_bundle
from churn_pipeline.serving.models import deployments
from churn_pipeline.serving.models import loaded as module
from churn_pipeline.serving.models.deployments import DeploymentFile
from churn_pipeline.serving.models.loaded import Models, StorageError
from churn_pipeline.serving.models.variants import Deployment, DeploymentError, Plan


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)


class Service:
    """Workers that share a folder."""

    def __init__(self, folder: Path, bundles: Path) -> None:
        self.state = folder / "deployment"
        self.bundle = folder / "bundle"
        self.bundles = bundles
        shutil.copytree(bundles / "champion", self.bundle)
        self.plan = Plan(str(self.bundle))
        self.swaps: list[tuple[Deployment | None, Deployment]] = []

    def worker(self, start: str = "first", **options: bool) -> Models:
        file = DeploymentFile(self.state, **options)
        return Models(file, lambda: self.plan, start, lambda *swap: self.swaps.append(swap))

    def package(self, name: str) -> None:
        """Put another bundle into the configured folder."""
        shutil.rmtree(self.bundle)
        shutil.copytree(self.bundles / name, self.bundle)

    def version(self, name: str) -> str:
        return read_bundle(self.bundles / name).version


@pytest.fixture
def service(tmp_path: Path, bundles: Path) -> Service:
    return Service(tmp_path, bundles)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


class Followed:
    """Workers that follow the file, for the length of a block."""

    def __init__(self, *workers: Models) -> None:
        self.workers = workers

    async def __aenter__(self) -> tuple[Models, ...]:
        self.tasks = [asyncio.create_task(worker.follow()) for worker in self.workers]
        await until(lambda: all(worker.current for worker in self.workers))
        return self.workers

    async def __aexit__(self, *error: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def version(worker: Models) -> str:
    assert worker.current is not None
    return worker.current.champion.version


def test_a_reload_and_a_rollback_reach_every_worker(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker(), service.worker()) as (one, two):
            service.package("challenger")
            await one.reload({})
            assert version(one) == service.version("challenger")
            await until(lambda: version(two) == service.version("challenger"))
            await two.rollback()
            assert version(two) == service.version("champion")
            await until(lambda: version(one) == service.version("champion"))
            await two.rollback()  # and back again
            assert version(two) == service.version("challenger")

    asyncio.run(scenario())


def test_a_worker_that_starts_later_answers_as_the_others(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (one,):
            service.package("challenger")
            async with Followed(service.worker()) as (two,):
                assert version(two) == version(one) == service.version("champion")

    asyncio.run(scenario())


def test_a_new_start_takes_a_new_bundle_and_can_roll_back(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker("first")):
            pass
        service.package("challenger")
        async with Followed(service.worker("second")) as (worker,):
            assert version(worker) == service.version("challenger")
            await worker.rollback()
            assert version(worker) == service.version("champion")

    asyncio.run(scenario())


def test_a_new_start_keeps_a_rollback_while_nothing_else_changed(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker("first")) as (worker,):
            service.package("challenger")
            await worker.reload({})
            await worker.rollback()
        async with Followed(service.worker("second")) as (worker,):
            assert version(worker) == service.version("champion")
        service.plan = Plan(str(service.bundle), unseen_category="missing")
        async with Followed(service.worker("third")) as (worker,):
            assert version(worker) == service.version("challenger")

    asyncio.run(scenario())


def test_a_service_of_another_start_changes_nothing(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Followed(service.worker("first")) as (one,):
            before = service.state.joinpath("deployment.json").read_bytes()
            service.package("challenger")
            async with Followed(service.worker("second")) as (two,):
                assert version(two) == service.version("challenger")
                assert "serving.deployment_group" in caplog.text
                with pytest.raises(DeploymentError, match="another service uses"):
                    await two.reload({})
                async with Followed(service.worker("first")) as (three,):
                    assert version(three) == service.version("champion")
            assert service.state.joinpath("deployment.json").read_bytes() == before
            assert version(one) == service.version("champion")

    asyncio.run(scenario())


def test_who_joins_a_group_answers_as_it_does(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker("first", is_group=True)) as (one,):
            service.package("challenger")
            async with Followed(service.worker("second", is_group=True)) as (two,):
                assert version(two) == version(one) == service.version("champion")
                await two.reload({})
                await until(lambda: version(one) == service.version("challenger"))
        service.package("champion")
        async with Followed(service.worker("third", is_group=True)) as (three,):
            assert version(three) == service.version("champion")  # nobody else is there

    asyncio.run(scenario())


def test_a_model_without_gates_is_refused_unless_allowed(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    ungated = service.bundle.with_name("ungated")
    bundle = read_bundle(service.bundle)
    description = {**bundle.json("description.json"), "gates_passed": 0}
    write_bundle(bundle.with_files({"description.json": to_json(description)}), ungated)

    async def scenario() -> None:
        async with Followed(service.worker()) as (worker,):
            for change in ("champion", "challenger"):
                with pytest.raises(DeploymentError, match=r"ungated: .*serving\.allow_ungated"):
                    await worker.reload({change: str(ungated)})
            assert version(worker) == service.version("champion")
        async with Followed(service.worker(allow_ungated=True)) as (worker,):
            assert "passed no" not in caplog.text
            await worker.reload({"champion": str(ungated)})
            assert worker.current is not None
            assert worker.current.described()["champion"]["gates_passed"] == 0
            assert "passed no quality gates" in caplog.text
        caplog.clear()
        async with Followed(service.worker("second")) as (worker,):
            assert version(worker) == service.version("champion")
            assert "serving.allow_ungated" in caplog.text
        service.plan = Plan(str(ungated))
        caplog.clear()
        worker = service.worker("third")
        task = asyncio.create_task(worker.follow())
        await until(lambda: "serving.allow_ungated" in caplog.text)
        assert worker.current is None
        task.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_restarted_worker_does_without_a_broken_copy(
    service: Service, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (one,):
            copy = service.state / "bundles" / service.version("champion")
            damage(copy, harm)
            async with Followed(service.worker()) as (two,):
                assert version(two) == service.version("champion")
                assert copy.name in caplog.text
                assert read_bundle(copy).version == copy.name  # copied again
            await one.reload({"champion": str(service.bundles / "challenger")})
            damage(service.state / "bundles" / version(one), harm)
            async with Followed(service.worker()) as (two,):
                assert version(two) == service.version("champion")
                await until(lambda: version(one) == version(two))

    asyncio.run(scenario())


@pytest.mark.parametrize("call", ["write_bundle", "staged_path"])
def test_a_full_disk_changes_nothing(
    service: Service, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in service.state.rglob("*") if path.is_file()}

    async def scenario() -> None:
        async with Followed(service.worker(), service.worker()) as (one, two):
            before = files()
            with monkeypatch.context() as patched:
                patched.setattr(deployments, call, full)
                with pytest.raises(StorageError, match="No space left"):
                    await one.reload({"champion": str(service.bundles / "challenger")})
            assert files() == before
            assert version(one) == version(two) == service.version("champion")
            await one.reload({"champion": str(service.bundles / "challenger")})
            assert version(one) == service.version("challenger")

    asyncio.run(scenario())


def test_a_start_on_a_full_disk_answers_as_before(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def scenario() -> None:
        async with Followed(service.worker("first")) as (worker,):
            await worker.reload({"champion": str(service.bundles / "challenger")})
        monkeypatch.setattr(deployments, "staged_path", full)
        async with Followed(service.worker("second")) as (worker,):
            assert version(worker) == service.version("challenger")
            assert "No space left" in caplog.text
            monkeypatch.undo()
            await worker.rollback()

    asyncio.run(scenario())


def test_a_reload_may_name_a_challenger(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (worker,):
            challenger = str(service.bundles / "challenger")
            await worker.reload({"challenger": challenger, "mode": "shadow"})
            assert worker.current is not None
            assert worker.current.silent is not None
            assert worker.current.silent.version == service.version("challenger")
            await worker.reload({"mode": "split", "challenger_share": 1.0})
            assert worker.current.answering("anybody").name == "challenger"

    asyncio.run(scenario())


@pytest.mark.parametrize("harm", ["changed", "missing", "extra", "manifest", "gone"])
def test_a_bundle_that_is_not_whole_is_refused_and_the_old_one_answers(
    service: Service, harm: str
) -> None:
    async def scenario() -> None:
        async with Followed(service.worker(), service.worker()) as (one, two):
            before = service.state.joinpath("deployment.json").read_bytes()
            service.package("challenger")
            damage(service.bundle, harm)
            with pytest.raises(BundleError, match=service.bundle.name):
                await one.reload({})
            assert version(one) == version(two) == service.version("champion")
            assert service.state.joinpath("deployment.json").read_bytes() == before

    asyncio.run(scenario())


def damage(bundle: Path, harm: str) -> None:
    model = bundle / "model.onnx"
    if harm == "changed":
        model.write_bytes(model.read_bytes()[:-1] + b"!")
    elif harm == "missing":
        model.unlink()
    elif harm == "extra":
        (bundle / "more.txt").write_text("more")
    elif harm == "manifest":
        (bundle / "manifest.json").write_text("{}")
    else:
        shutil.rmtree(bundle)


def test_a_service_without_a_bundle_waits_for_one(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        shutil.rmtree(service.bundle)
        worker = service.worker()
        task = asyncio.create_task(worker.follow())
        await until(lambda: "dvc repro" in caplog.text)
        await asyncio.sleep(0.1)
        assert worker.current is None
        assert caplog.text.count("dvc repro") == 1  # said once, not with every try
        shutil.copytree(service.bundles / "champion", service.bundle)
        await until(lambda: worker.current)
        task.cancel()

    asyncio.run(scenario())


def test_a_bundle_that_cannot_be_looked_at_is_no_fault_of_the_folder(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        good, service.plan = service.plan, Plan(str(service.bundle.with_name("x" * 1000)))
        worker = service.worker()
        task = asyncio.create_task(worker.follow())
        await until(lambda: "File name too long" in caplog.text)
        assert "cannot be reloaded" not in caplog.text
        service.plan = good
        await until(lambda: worker.current)
        with pytest.raises(BundleError, match="File name too long"):
            await worker.reload({"champion": str(service.bundle.with_name("x" * 1000))})
        task.cancel()

    asyncio.run(scenario())


def test_a_copy_that_was_changed_is_not_loaded(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (worker,):
            service.package("challenger")
            await worker.reload({})
            kept = service.state / "bundles" / service.version("champion")
            damage(kept, "changed")
            with pytest.raises(BundleError, match="changed"):
                await worker.rollback()
            assert version(worker) == service.version("challenger")

    asyncio.run(scenario())


def test_there_may_be_nothing_to_roll_back_to(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (worker,):
            assert await worker.previous() is None
            with pytest.raises(DeploymentError, match="before"):
                await worker.rollback()

    asyncio.run(scenario())


def test_a_rollback_leads_to_no_other_data_set(service: Service) -> None:
    other = service.bundle.with_name("other")
    bundle = read_bundle(service.bundle)
    contract = {**bundle.json("contract.json"), "name": "other"}
    write_bundle(bundle.with_files({"contract.json": to_json(contract, False)}), other)

    async def scenario() -> None:
        async with Followed(service.worker("first")):
            pass
        service.plan = Plan(str(other))  # of the same project, on the same port
        async with Followed(service.worker("second")) as (worker,):
            with pytest.raises(DeploymentError, match="another data set"):
                await worker.rollback()
            assert version(worker) == read_bundle(other).version

    asyncio.run(scenario())


def test_only_bundles_in_use_are_kept(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (worker,):
            for name in ("challenger", "champion", "challenger"):
                service.package(name)
                await worker.reload({})
            (service.state / "bundles" / "left behind").mkdir()
            await worker.reload({})

    asyncio.run(scenario())
    kept = {path.name for path in (service.state / "bundles").iterdir()}
    assert kept == {service.version("champion"), service.version("challenger")}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"start": "first"}', '{"current": 5}'])
def test_a_torn_file_counts_as_none(service: Service, content: str) -> None:
    async def scenario() -> None:
        service.state.mkdir()
        (service.state / "deployment.json").write_text(content)
        async with Followed(service.worker()) as (worker,):
            assert version(worker) == service.version("champion")

    asyncio.run(scenario())


def test_a_folder_that_cannot_be_written_still_lets_the_service_answer(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        service.state.write_text("a file where the folder should be")
        async with Followed(service.worker()) as (worker,):
            assert version(worker) == service.version("champion")
            assert "cannot be reloaded" in caplog.text
            with pytest.raises(DeploymentError, match="cannot be written"):
                await worker.reload({})

    asyncio.run(scenario())


def occupy(service: Service) -> Callable[[], None]:
    other = DeploymentFile(service.state)
    with other.locked():
        other.enter("another")
    return other.leave


def block(service: Service) -> Callable[[], None]:
    service.state.write_text("a file where the folder should be")
    return service.state.unlink


@pytest.mark.parametrize("hinder", [occupy, block])
def test_without_folder_and_bundle_a_worker_waits_for_the_bundle(
    service: Service, hinder: Callable[[Service], Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        hinder(service)
        shutil.rmtree(service.bundle)
        worker = service.worker()
        task = asyncio.create_task(worker.follow())
        await until(lambda: "dvc repro" in caplog.text)
        await asyncio.sleep(0.1)
        assert worker.current is None
        for words in ("dvc repro", "cannot be reloaded"):
            assert caplog.text.count(words) == 1  # said once, not with every try
        shutil.copytree(service.bundles / "champion", service.bundle)
        await until(lambda: worker.current)
        with pytest.raises(DeploymentError, match=r"another service uses|cannot be written"):
            await worker.reload({})
        task.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize("hinder", [occupy, block])
def test_a_worker_without_a_model_tries_the_folder_again(
    service: Service, hinder: Callable[[Service], Callable[[], None]]
) -> None:
    async def scenario() -> None:
        release = hinder(service)
        shutil.rmtree(service.bundle)
        worker = service.worker()
        task = asyncio.create_task(worker.follow())
        await worker.tried.wait()
        release()
        await until(lambda: worker._obstacle is None)  # though there is no bundle yet
        shutil.copytree(service.bundles / "champion", service.bundle)
        await until(lambda: worker.current)
        await worker.reload({"champion": str(service.bundles / "challenger")})
        await worker.rollback()
        assert version(worker) == service.version("champion")
        task.cancel()

    asyncio.run(scenario())


def test_swaps_are_told(service: Service) -> None:
    async def scenario() -> None:
        async with Followed(service.worker()) as (worker,):
            service.package("challenger")
            await worker.reload({})

    asyncio.run(scenario())
    (none, first), (before, second) = service.swaps
    assert none is None
    assert before is first
    assert second.champion.version == service.version("challenger")
