"""Documents: Markdown, plain text and scans' text to passages and claims, each with its lines."""

from backprove.documents.passage import Document, DocumentError, Passage, Piece
from backprove.documents.reading import decoded, document, read_document, read_text

__all__ = [
    "Document",
    "DocumentError",
    "Passage",
    "Piece",
    "decoded",
    "document",
    "read_document",
    "read_text",
]
