"""Files: what is read, and what is refused in a paragraph."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprove.documents import DocumentError, read_document
from backprove.documents.reading import LARGEST_FILE, LONGEST_LINE
from backprove.errors import BackproveError


def written(tmp_path: Path, content: bytes | str, name: str = "work.md") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_document(tmp_path: Path) -> None:
    document = read_document(written(tmp_path, "# My answers\r\n\r\n$a = b$\r\n"))
    assert document.title == "My answers"
    assert [(claim.text, claim.line) for claim in document.claims] == [("a = b", 3)]


def test_the_title_of_front_matter_and_of_the_file(tmp_path: Path) -> None:
    with_front = written(tmp_path, "---\ntitle: Losses\n---\n\n$a = b$\n")
    assert read_document(with_front).title == "Losses"
    assert read_document(with_front).claims[0].line == 5
    assert read_document(written(tmp_path, "Q1\n$a = b$", "answers.txt")).title == "answers"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (b"fine\n\xff\xfe caf\xe9", "line 2"),
        (b"short\n" + b"x" * (LONGEST_LINE + 1), "line 2"),
        (b"x" * (LARGEST_FILE + 1), "too large"),
        (b"text\n\n```model\nx in R\n", "line 3"),
    ],
    ids=["empty", "blank", "binary", "not text", "long line", "large", "open model"],
)
def test_what_cannot_be_used(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(DocumentError) as caught:
        read_document(path)
    message = str(caught.value)
    assert reason in message
    assert str(path) in message
    assert "\n" not in message


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(BackproveError, match="does not exist"):
        read_document(tmp_path / "none.md")
    with pytest.raises(BackproveError, match="is a directory"):
        read_document(tmp_path)
