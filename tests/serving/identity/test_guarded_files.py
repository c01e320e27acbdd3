from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline.serving.identity import guarded_files
from churn_pipeline.serving.identity.guarded_files import GuardedFileError, read_guarded

STRANGER = 54_321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "above" / "folder" / "secret"
    path.parent.mkdir(parents=True)
    path.write_text("content")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o444, 0o644])
def test_who_may_read_it_does_not_matter(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert read_guarded(path) == b"content"


def test_a_mounted_secret_is_read(tmp_path: Path) -> None:
    # as the kubelet lays it out: a sticky folder open to all, links to a folder of its own
    mount = tmp_path / "mount"
    data = mount / "..2026_11_28"
    data.mkdir(parents=True)
    (data / "keys.json").write_text("content")
    (data / "keys.json").chmod(0o440)
    (mount / "..data").symlink_to(data.name)
    (mount / "keys.json").symlink_to("..data/keys.json")
    mount.chmod(0o1777)
    assert read_guarded(mount / "keys.json") == b"content"
    data.chmod(0o777)
    with pytest.raises(GuardedFileError, match=f"chmod go-w {data}"):
        read_guarded(mount / "keys.json")


@pytest.mark.parametrize(
    ("name", "mode", "remedy"),
    [
        ("above/folder/secret", 0o666, "chmod 600"),
        ("above/folder/secret", 0o602, "chmod 600"),
        ("above/folder", 0o777, "chmod go-w"),
        ("above/folder", 0o703, "chmod go-w"),
        ("above", 0o777, "chmod o-w"),
    ],
)
def test_what_others_can_write_is_refused(
    path: Path, tmp_path: Path, name: str, mode: int, remedy: str
) -> None:
    (tmp_path / name).chmod(mode)
    with pytest.raises(GuardedFileError, match=f"{remedy} {tmp_path / name}"):
        read_guarded(path)
    with pytest.raises(GuardedFileError):
        read_guarded(Path(os.path.relpath(path)))


def test_a_link_through_an_open_folder_is_refused(path: Path, tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    (open_folder / "hop").symlink_to(path)
    (tmp_path / "link").symlink_to("open/hop")
    assert read_guarded(tmp_path / "link") == b"content"
    open_folder.chmod(0o777)
    with pytest.raises(GuardedFileError, match=f"chmod go-w {open_folder}"):
        read_guarded(tmp_path / "link")


@pytest.mark.parametrize("name", ["folder/secret", "folder"])
def test_a_group_may_write_only_if_it_is_the_owners_own(
    path: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "above" / name).chmod(0o770)
    monkeypatch.setattr(guarded_files, "_is_private_group", lambda path, status: True)
    assert read_guarded(path) == b"content"
    monkeypatch.undo()
    if os.geteuid() == 0:
        os.chown(tmp_path / "above" / name, 0, STRANGER)  # a group that nobody knows
        with pytest.raises(GuardedFileError, match="mode 0770"):
            read_guarded(path)


@needs_root
@pytest.mark.parametrize("name", ["folder/secret", "folder"])
def test_what_belongs_to_somebody_else_is_refused(path: Path, tmp_path: Path, name: str) -> None:
    os.chown(tmp_path / "above" / name, STRANGER, 0)
    with pytest.raises(GuardedFileError, match=f"belongs to {STRANGER}.*chown root"):
        read_guarded(path)


@needs_root
def test_a_link_of_somebody_else_is_refused(path: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link").symlink_to(path)
    assert read_guarded(shared / "link") == b"content"
    os.chown(shared / "link", STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(GuardedFileError, match="belongs to"):
        read_guarded(shared / "link")


@needs_root
def test_another_user_reads_what_root_wrote_for_him(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from churn_pipeline.serving.identity.guarded_files import read_guarded\n"
        f"os.setgid({STRANGER}); os.setuid({STRANGER})\n"
        "print(read_guarded(Path(sys.argv[1])).decode())\n"
    )
    folder = Path("/run") if Path("/run").is_dir() else Path("/var/tmp")
    path = folder / f"churn-test-{os.getpid()}"
    try:
        path.write_text("content")
        path.chmod(0o440)
        os.chown(path, 0, STRANGER)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
    finally:
        path.unlink()
    assert done.stdout == "content\n"


def n_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_guarded(tmp_path / "absent")
    for make in (os.mkfifo, os.mkdir):
        make(tmp_path / make.__name__)
        n_open = n_open_files()
        with pytest.raises(GuardedFileError, match="is not a file"):
            read_guarded(tmp_path / make.__name__)
        # a running service looks twice a second
        assert n_open_files() == n_open


def test_a_huge_file_is_refused(path: Path) -> None:
    os.truncate(path, guarded_files.MAX_BYTES + 1)
    with pytest.raises(GuardedFileError, match="larger than"):
        read_guarded(path)
