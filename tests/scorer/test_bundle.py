from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.errors import BundleError
from churn_pipeline.scorer.bundle import Bundle, read_bundle, to_json, write_bundle
from churn_pipeline.scorer.scorer import Scorer, load_scorer

FILES = {"model.onnx": b"\x00model\xff", "contract.json": b"{}\n", "empty.npz": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "bundle"
    write_bundle(Bundle(FILES), path)
    return path


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    return str(caught.value)


def test_what_is_written_is_read(folder: Path) -> None:
    found = read_bundle(folder)
    assert found == Bundle(FILES)
    assert found.version == Bundle(FILES).version
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]
    write_bundle(found, folder)
    assert read_bundle(folder) == found


CONTENTS = st.dictionaries(st.from_regex(r"[a-z0-9_]+\.[a-z]+", fullmatch=True), st.binary())


@given(CONTENTS, CONTENTS)
def test_bundles_have_one_version_exactly_if_their_files_are_equal(
    one: dict[str, bytes], two: dict[str, bytes]
) -> None:
    assert (Bundle(one).version == Bundle(two).version) == (one == two)
    backwards = dict(reversed(list(one.items())))
    assert Bundle(backwards).manifest == Bundle(one).manifest


def test_the_manifest_holds_the_sums_of_the_files(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["files"] == {n: hashlib.sha256(d).hexdigest() for n, d in FILES.items()}
    whole = (folder / "manifest.json").read_bytes()
    assert hashlib.sha256(whole).hexdigest().startswith(read_bundle(folder).version)


def test_a_file_written_anew_replaces_what_was_there(folder: Path) -> None:
    write_bundle(Bundle({"other.json": b"1"}), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "other.json"]


@pytest.mark.parametrize("name", ["model.onnx", "contract.json"])
def test_a_changed_byte_is_found_wherever_it_is(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert f"{name} was changed" in refusal(folder)
    for content in (whole[:-1], whole + b"\n", b""):
        path.write_bytes(content)
        assert f"{name} was changed" in refusal(folder)


def test_a_changed_byte_of_the_manifest_is_found_wherever_it_is(folder: Path) -> None:
    path = folder / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert str(folder) in refusal(folder)
    for content in (whole[:-1], whole + b"\n", whole.replace(b": 1", b": 1.0"), b"\xff", b""):
        path.write_bytes(content)
        assert "manifest.json" in refusal(folder)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", ["more.json", ".hidden", "model.onnx.bak", "MANIFEST.json"])
def test_an_extra_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    assert f"{name} does not belong to the bundle" in refusal(folder)


def test_an_extra_folder_is_named(folder: Path) -> None:
    (folder / "more").mkdir()
    assert "more does not belong to the bundle" in refusal(folder)


def test_a_link_is_no_file_of_a_bundle(folder: Path, tmp_path: Path) -> None:
    path = folder / "contract.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    assert "contract.json is a link" in refusal(folder)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    assert "contract.json is a link" in refusal(folder)
    path.unlink()
    path.mkdir()
    assert "contract.json is missing" in refusal(folder)


def write_manifest(folder: Path, content: Any) -> None:
    (folder / "manifest.json").write_bytes(
        content if isinstance(content, bytes) else to_json(content)
    )


@pytest.mark.parametrize(
    "name",
    ["../outside.json", "/etc/passwd", "a/b.json", "..", "", "manifest.json", "UPPER.json",
     "a.json\n", "no_dot"],
)  # fmt: skip
def test_a_manifest_names_no_other_places(folder: Path, name: str) -> None:
    (folder.parent / "outside.json").write_bytes(b"{}\n")
    sums = {
        **json.loads(Bundle(FILES).manifest)["files"],
        name: hashlib.sha256(b"{}\n").hexdigest(),
    }
    write_manifest(folder, {"files": sums, "format": 1})
    message = refusal(folder)
    assert "manifest.json" in message
    assert repr(name) in message


@pytest.mark.parametrize(("number", "shown"), [(2, "2"), ("1", "'1'"), (None, "None"), ([], "[]")])
def test_another_format_is_named(folder: Path, number: Any, shown: str) -> None:
    write_manifest(folder, {"files": {}, "format": number})
    assert f"manifest.json is of format {shown}, this version reads 1" in refusal(folder)


@pytest.mark.parametrize(
    "content",
    [
        [], 1, "text", None, {}, {"format": 1}, {"files": {}}, {"files": 3, "format": 1},
        {"files": None, "format": 1}, {"files": [["a.json", "0"]], "format": 1},
        {"files": [[1, "a"]], "format": 1}, {"files": "ab", "format": 1},
        {"files": {"model.onnx": 5}, "format": 1}, {"files": {"model.onnx": None}, "format": 1},
        b"[" * 100_000, b"{", b"\xff\xfe", b"",
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(folder: Path, content: Any) -> None:
    write_manifest(folder, content)
    assert "manifest.json" in refusal(folder)


def test_a_manifest_that_is_a_folder_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    assert "manifest.json cannot be read" in refusal(folder)


def test_no_folder_is_no_bundle(folder: Path) -> None:
    assert "is not a folder; `dvc repro`" in refusal(folder.parent / "absent")
    assert "is not a folder" in refusal(folder / "model.onnx")
    shutil.rmtree(folder)
    folder.mkdir()
    assert "manifest.json is missing" in refusal(folder)


def test_a_folder_that_cannot_be_looked_at_is_refused(folder: Path) -> None:
    """Permissions would not stop root, a name that no file system allows does."""
    name = folder.parent / ("x" * 1000)
    assert f"{name} cannot be read (File name too long)" in refusal(name)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("exists", [True, False])
def test_a_kill_at_any_step_leaves_what_a_later_write_repairs(
    folder: Path, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn_pipeline.staging._is_alive", lambda pid: False)
    new = Bundle({**FILES, "contract.json": b"new"})
    outcomes = set()
    for steps in range(20):
        shutil.rmtree(folder.parent)
        if exists:
            write_bundle(Bundle(FILES), folder)
        if not _killed_after(steps, new, folder, monkeypatch):
            break
        outcomes.add(_state(folder))
        write_bundle(new, folder)
        assert read_bundle(folder) == new
        assert [path.name for path in folder.parent.iterdir()] == ["bundle"]
    else:
        pytest.fail("the write does not end")
    assert steps > 5
    # a folder that is half written never stands in the bundle's place
    assert outcomes <= {"old" if exists else "none", "none", "new"}
    assert read_bundle(folder) == new


def _killed_after(
    steps: int, bundle: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Write a bundle and stop before a step that changes the disk."""
    left = [steps]

    def counted(change: Any) -> Any:
        def step(*args: Any, **more: Any) -> Any:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return change(*args, **more)

        return step

    with monkeypatch.context() as patch:
        for name in ("mkdir", "write_bytes", "rename"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        try:
            write_bundle(bundle, folder)
        except Killed:
            return True
    return False


def _state(folder: Path) -> str:
    if not folder.exists():
        return "none"
    return "old" if read_bundle(folder) == Bundle(FILES) else "new"


def test_json_is_read_by_name() -> None:
    bundle = Bundle({"a.json": to_json({"é": [1.5, None]})})
    assert bundle.json("a.json") == {"é": [1.5, None]}
    with pytest.raises(BundleError, match=r"the bundle has no b\.json"):
        bundle.json("b.json")


def test_json_is_the_same_for_the_same_content() -> None:
    assert to_json({"b": 1, "a": 2}) == to_json({"a": 2, "b": 1})
    assert to_json({"b": 1, "a": 2}, sort_keys=False) != to_json({"a": 2, "b": 1}, sort_keys=False)
    with pytest.raises(ValueError, match="JSON"):
        to_json(float("nan"))


def test_more_files_change_the_version() -> None:
    bundle = Bundle(FILES)
    more = bundle.with_files({"more.json": b"1"})
    assert more.files == {**FILES, "more.json": b"1"}
    assert more.version != bundle.version
    assert bundle.files == FILES


@pytest.mark.parametrize("name", ["model.onnx", "contract.json", "decisions.json", "explainer.npz"])
def test_a_bundle_that_lacks_a_part_cannot_score(bundle_folder: Path, name: str) -> None:
    files = {k: v for k, v in read_bundle(bundle_folder).files.items() if k != name}
    with pytest.raises(BundleError, match=name):
        Scorer(Bundle(files))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b"no model"),
        ("explainer.npz", b"no arrays"),
        ("decisions.json", b"{}"),
        ("decisions.json", b"["),
        ("description.json", b"{"),
    ],
)
def test_a_bundle_of_unusable_parts_is_refused(
    bundle_folder: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    bundle = read_bundle(bundle_folder).with_files({name: content})
    write_bundle(bundle, tmp_path / "bundle")  # its manifest is in order
    with pytest.raises(BundleError, match=f"the bundle {bundle.version} cannot be used"):
        load_scorer(tmp_path / "bundle")


def test_a_bundle_of_another_models_contract_is_refused(bundle_folder: Path) -> None:
    bundle = read_bundle(bundle_folder)
    contract = bundle.json("contract.json")
    contract["derived_columns"].popitem()
    other = bundle.with_files({"contract.json": to_json(contract, sort_keys=False)})
    with pytest.raises(BundleError, match=r"model\.onnx takes \d+ inputs"):
        Scorer(other)


def test_a_reader_beside_a_writer_gets_the_old_bundle_or_the_new(folder: Path) -> None:
    bundles = [Bundle(FILES), Bundle({**FILES, "more.json": b"1"})]
    ended = threading.Event()

    def write() -> None:
        for number in range(200):
            write_bundle(bundles[number % 2], folder)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    found = set()
    while not ended.is_set():
        found.add(read_bundle(folder).version)
    writer.join()
    assert found <= {bundle.version for bundle in bundles}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
