"""LaTeX: headings with numbers, items, tables and formulas, each on the line it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprove.documents import read_document
from backprove.documents.latex import as_markdown

SOURCE = r"""\documentclass{article}
\title{Homework \emph{four}}
\begin{document}
\maketitle
\section{Derivatives}  % $a = b$ is no claim
\begin{enumerate}
\item The output is
\begin{align*}
  y &= W x \\
    &= z
\end{align*}
\item \textbf{And} $L = \frac12 y^2$.
\end{enumerate}
\section*{Question 7}
\begin{tabular}{c|c}
rank & recall \\ \hline
1 & $1/2$ \\
2 & 1 \\
\end{tabular}
\end{document}
"""


@pytest.fixture
def document(tmp_path: Path):
    path = tmp_path / "homework.tex"
    path.write_text(SOURCE, encoding="utf-8")
    return read_document(path)


def test_no_line_is_added_or_lost() -> None:
    assert as_markdown(SOURCE).count("\n") == SOURCE.count("\n")


def test_the_title(document) -> None:
    assert document.title == "Homework four"


def test_claims_with_their_questions_and_lines(document) -> None:
    found = [(c.text, c.line, c.number) for c in document.claims]
    assert found == [("y = W x = z", 9, "1(a)"), (r"L = \frac12 y^2", 12, "1(b)")]
    assert document.claims[0].link_lines() == (9, 10)


def test_a_section_may_bring_its_own_number(document) -> None:
    (table,) = (p for p in document.passages if p.kind == "table")
    assert table.number == "7"
    assert table.text == "| rank | recall |\n| 1 | $1/2$ |\n| 2 | 1 |"


def test_nested_lists_and_labels() -> None:
    text = as_markdown(
        "\\begin{document}\n\\begin{enumerate}\n\\item A\n\\begin{enumerate}\n\\item B\n\\item C\n"
        "\\end{enumerate}\n\\item[(e)] D\n\\end{enumerate}"
    )
    marks = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    assert marks == ["(a) A", "(i) B", "(ii) C", "(e) D"]


def test_code_is_kept_out() -> None:
    text = as_markdown("\\begin{document}\n\\begin{verbatim}\nx = 1\n\\end{verbatim}")
    assert text.split("\n")[1:] == ["```python", "x = 1", "```"]
