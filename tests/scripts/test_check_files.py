from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_files import main


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.yml", b"a: 1\n---\nb: 2\n"), ("a.yaml", b""), ("a.toml", b"a = 1\n[b]\nc = 'x'\n")],
)
def test_sound_files_pass_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main("syntax", [str(tmp_path / name)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "content"), [("a.yml", b"a: [1\n"), ("a.toml", b"a = \n"), ("a.yml", b"a: \xe9\n")]
)
def test_broken_files_are_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    good, bad = tmp_path / "good.yml", tmp_path / name
    good.write_bytes(b"a: 1\n")
    bad.write_bytes(content)
    assert main("syntax", [str(good), str(bad)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{bad}: ")


def test_size_is_limited_to_a_million_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_bytes(bytes(1_000_000))
    assert main("size", [str(tmp_path / "a")]) == 0
    (tmp_path / "b").write_bytes(bytes(1_000_001))
    assert main("size", [str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert capsys.readouterr().out == f"{tmp_path / 'b'}: 1,000,001 bytes, at most 1,000,000\n"
