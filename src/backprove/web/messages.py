"""What is asked and answered: the JSON of the API, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: characters of a model and of claims
LONGEST = 100_000

ModelText = Annotated[
    str, Field(max_length=LONGEST, description="A model in the notation, a line each.")
]
Expression = Annotated[str, Field(min_length=1, max_length=2_000)]
#: a row and a column, or a first character and the one behind the last
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why a request has no answer, in a paragraph for people."""

    detail: str


class ShippedModel(BaseModel):
    name: str
    summary: str
    text: str


class Typeset(BaseModel):
    """A formula as MathML, or as escaped text where it could not be read."""

    text: str
    html: str


# --- checking -------------------------------------------------------------------------------------


class CheckRequest(Request):
    model: ModelText = ""
    claims: Annotated[
        str, Field(max_length=LONGEST, description="Claims and the writer's own definitions.")
    ]
    repairs: Annotated[
        bool, Field(description="Repair lines that cannot be read, such as a missing bracket.")
    ] = True
    html: Annotated[bool, Field(description="Answer with a page's fragment, too.")] = False


class Claim(BaseModel):
    """The verdict on a claim, or on one link of a chain; `place` is a range of characters in it."""

    line: int
    text: str
    verdict: str
    accepted: bool
    words: str
    reason: str = ""
    mistake: str | None = None
    reading: str | None = None
    corrected: str | None = None
    place: Pair | None = None
    repairs: list[str] = []
    evidence: dict[str, Any] | None = None


class CheckAnswer(BaseModel):
    claims: list[Claim]
    definitions: Annotated[list[int], Field(description="Lines that only give names a meaning.")]
    counts: str
    html: str = ""


# --- deriving -------------------------------------------------------------------------------------

View = Literal["definitions", "closed", "unrolled", "components"]


class DeriveRequest(Request):
    model: ModelText
    of: Expression
    by: Expression
    view: View = "definitions"
    steps: Annotated[
        int | None, Field(ge=1, le=50, description="How many steps to unroll, where it is open.")
    ] = None
    immediate: Annotated[bool, Field(description="Hold members at other steps fixed.")] = False


class DeriveAnswer(BaseModel):
    unicode: str
    latex: str
    mathml: str


class StepsRequest(Request):
    model: ModelText
    of: Expression
    by: Expression
    immediate: bool = False


class Step(BaseModel):
    words: str
    unicode: str = ""
    mathml: str = ""


class StepsAnswer(BaseModel):
    steps: list[Step]


class CodeRequest(Request):
    model: ModelText
    of: Expression
    by: Expression
    target: Literal["numpy", "torch", "jax"] = "numpy"


class CodeAnswer(BaseModel):
    source: str


class ModelRequest(Request):
    model: ModelText


class ModelAnswer(BaseModel):
    """A model as it was read: its lines as MathML, and the names that it declares and defines."""

    html: str
    declared: list[str]
    defined: list[str]


class DiagramRequest(Request):
    model: ModelText
    unroll: bool = False


class DiagramAnswer(BaseModel):
    svg: str
    mermaid: str


# --- documents ------------------------------------------------------------------------------------

FileName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]+$")]
FileText = Annotated[str, Field(max_length=4_000_000)]


class File(Request):
    """A file's name, which is never opened, and its text."""

    name: FileName
    text: FileText


class DocumentRequest(Request):
    document: File
    sheet: File | None = None
    mark: Annotated[bool, Field(description="Give marks by the sheet, under its policy.")] = False
    page: Annotated[bool, Field(description="A whole page to keep, in place of a fragment.")] = (
        False
    )


class DocumentAnswer(BaseModel):
    """The report as data (as `backprove check --json` gives it), as HTML and as Markdown."""

    report: dict[str, Any]
    html: str
    markdown: str


class ReportRequest(Request):
    """Claims to a report that can be kept."""

    model: ModelText = ""
    claims: Annotated[str, Field(max_length=LONGEST)]
    title: Annotated[str, Field(max_length=200)] = "Claims"


class ReportAnswer(BaseModel):
    html: str
    markdown: str


# --- exploring ------------------------------------------------------------------------------------

Edge = Annotated[int, Field(ge=0, le=40)]
Box = tuple[Edge, Edge, Edge, Edge]


class BoxesRequest(Request):
    a: Box
    b: Box


class BoxesAnswer(BaseModel):
    iou: float
    giou: float
    exact: str
    distance: float
    squared: int
    lines: list[str]


class PairRequest(BoxesRequest):
    width: Annotated[int, Field(ge=4, le=40)] = 30
    height: Annotated[int, Field(ge=4, le=40)] = 20
    turn: Annotated[int, Field(ge=0, le=10_000)] = 0


class PairAnswer(BaseModel):
    b: Annotated[list[int], Field(min_length=4, max_length=4)]
    found: Annotated[int, Field(description="Boxes in whole pixels at this distance.")]
    least: float
    greatest: float


class RankingRequest(Request):
    hits: Annotated[str, Field(pattern=r"^[TF]{1,40}$")]
    positives: Annotated[int, Field(ge=1, le=40)]
    points: Literal["11", "101", "all"] = "11"


class Rank(BaseModel):
    rank: int
    hit: bool
    found: int
    precision: str
    recall: str
    at: Annotated[list[float], Field(min_length=2, max_length=2)]
    best: float


class RankingAnswer(BaseModel):
    """A row for each prediction: recall and precision at it, and the interpolated precision."""

    ranks: list[Rank]
    samples: list[Annotated[list[float], Field(min_length=2, max_length=2)]]
    average: float
    exact: str
    lines: list[str]


class ConvolutionRequest(Request):
    input: tuple[Annotated[int, Field(ge=1, le=8)], Annotated[int, Field(ge=1, le=8)]] = (5, 5)
    kernel: tuple[Annotated[int, Field(ge=1, le=5)], Annotated[int, Field(ge=1, le=5)]] = (3, 3)
    stride: Annotated[int, Field(ge=1, le=4)] = 1
    padding: Annotated[int, Field(ge=0, le=4)] = 0
    dilation: Annotated[int, Field(ge=1, le=3)] = 1
    transposed: bool = False


class ConvolutionAnswer(BaseModel):
    """Which entries meet: (input, kernel, output) with rows and columns counted from 0."""

    output: Pair
    size: str
    meetings: list[Annotated[list[Pair], Field(min_length=3, max_length=3)]]
    sums: list[str]


class LossRequest(Request):
    output: Literal["sigmoid", "softmax", "identity"] = "sigmoid"
    gamma: Annotated[float, Field(ge=0.1, le=10)] = 2.0


class Curve(BaseModel):
    key: str
    name: str
    loss: list[float | None]
    slope: list[float | None]


class LossAnswer(BaseModel):
    logits: list[float]
    probability: list[float | None]
    curves: list[Curve]


class TimeRequest(Request):
    cell: Annotated[int, Field(ge=0, le=7)] = 0
    scale: Annotated[float, Field(ge=0.25, le=4)] = 1.0


class TimeAnswer(BaseModel):
    """The median of ‖∂h_T/∂h_t‖ over random weights and inputs, by T − t."""

    cell: str
    norms: list[float | None]
    low: list[float | None]
    high: list[float | None]
    rate: str
    verdict: str


class ExplainRequest(Request):
    quantity: Expression
    model: ModelText = ""


class ExplainAnswer(BaseModel):
    lines: list[str]
    value: str
