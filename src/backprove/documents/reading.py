"""A file to a document, or one paragraph that says why it cannot be read."""

from __future__ import annotations

from pathlib import Path

from backprove.documents.latex import as_markdown, latex_title
from backprove.documents.notebook import notebook_text
from backprove.documents.passage import Document, DocumentError, Passage
from backprove.documents.scanner import front_matter, scan

LARGEST_FILE = 10_000_000
LONGEST_LINE = 100_000
#: a notebook keeps pictures on single lines
LONGEST_OF_NOTEBOOKS = LARGEST_FILE


def read_text(path: Path) -> str:
    """The text of a file, with plain line ends and without a byte order mark."""
    try:
        if path.is_dir():
            raise DocumentError(f"{path} is a directory; give a file")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise DocumentError(
                f"{path} is too large: {size / 1e6:.1f} MB, where {LARGEST_FILE / 1e6:.0f} MB is"
                " the most that is read"
            )
        data = path.read_bytes()
        return decoded(data, path)
    except FileNotFoundError:
        raise DocumentError(f"{path} does not exist") from None
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from None


def decoded(data: bytes, path: Path) -> str:
    """The text of a file's bytes; `path` is what it is called, and is not opened."""
    if b"\0" in data:
        raise DocumentError(f"{path} is a binary file; a document is Markdown or plain text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            f"{path}, line {line}: this is not UTF-8 text; a document is Markdown or plain text"
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    if not text.strip():
        raise DocumentError(f"{path} is empty")
    longest = LONGEST_OF_NOTEBOOKS if path.suffix.lower() == ".ipynb" else LONGEST_LINE
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > longest:
            raise DocumentError(
                f"{path}, line {number}: this line has {len(line):,} characters, where"
                f" {longest:,} is the most that is read"
            )
    return text


def read_document(path: Path | str) -> Document:
    """Read Markdown or plain text, LaTeX (`.tex`) or a notebook (`.ipynb`)."""
    path = Path(path)
    return document(read_text(path), path)


def document(text: str, path: Path) -> Document:
    """A document's text as a document; `path` is what it is called, and is not opened."""
    cells, title = (), ""
    try:
        if path.suffix.lower() == ".ipynb":
            text, cells = notebook_text(text)
        elif path.suffix.lower() == ".tex":
            title = latex_title(text)
            text = as_markdown(text)
        passages = tuple(scan(text))
    except DocumentError as error:
        joint = ", " if str(error).startswith("line") else ": "
        raise DocumentError(f"{path}{joint}{error}") from None
    return Document(path, title or _title(path, text, passages), passages, text, cells)


def _title(path: Path, text: str, passages: tuple[Passage, ...]) -> str:
    """From the front matter, or a heading at the top, or the file's name."""
    if title := front_matter(text.split("\n")).get("title"):
        return title
    first = passages[0] if passages else None
    if first is not None and first.kind == "heading" and not first.label and len(first.text) > 3:
        return first.text
    return path.stem
