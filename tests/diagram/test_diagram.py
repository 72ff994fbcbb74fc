"""A model's graph, and its drawing: what is there, and that it can be seen."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest

from backprove import BackproveError, Model, models
from backprove.diagram import Graph, graph, to_mermaid, to_svg
from backprove.diagram.layout import layout
from backprove.diagram.svg import _text


def drawn(name: str, members: bool = False, **sizes: int) -> Graph:
    model = Model.load(name, **sizes)
    return graph(model.text, model.system, members)


def edges(found: Graph) -> set[tuple[str, str]]:
    """The edges by what stands first in their boxes."""
    titles = {node.key: node.title.split(" ")[0] for node in found.nodes}
    return {(titles[e.source], titles[e.target]) for e in found.edges}


def kinds(found: Graph) -> dict[str, str]:
    return {node.title.split(" ")[0]: node.kind for node in found.nodes}


class TestTheGraph:
    def test_definitions_are_fed_by_what_they_use(self) -> None:
        assert edges(drawn("scaled-dot-product")) == {
            *[("Q", "S"), ("S", "A"), ("A", "Y"), ("V", "Y"), ("Y", "E"), ("D", "E")]
        }

    def test_earlier_members_are_nodes_that_the_family_leads_back_to(self) -> None:
        found = drawn("gated-cell")
        assert {("h_{t−1}", "c_t"), ("h_{t−1}", "h_t"), ("h_0", "h_{t−1}")} <= edges(found)
        (back,) = [e for e in found.edges if e.back]
        assert (back.source, back.target) == ("h[t]t=1..T", "earlier h_{t−1}")

    def test_the_one_member_that_is_used_is_named(self) -> None:
        labels = {e.label for e in drawn("gated-cell").edges if e.target == "E[]"}
        assert labels == {"t = T", ""}

    def test_first_members_go_where_they_are_used(self) -> None:
        assert ("h_0", "E") not in edges(drawn("lstm"))
        assert ("w_{t,", "e_{t,") in edges(drawn("attention-all"))

    def test_parameters_with_one_user_share_a_box(self) -> None:
        titles = {node.title for node in drawn("lstm").nodes if node.kind == "parameter"}
        assert "W_f ∈ ℝ^{m×n}\nU_f ∈ ℝ^{m×m}\nb_f ∈ ℝ^m" in titles

    def test_data_parameters_and_results_are_told_apart(self) -> None:
        found = kinds(drawn("rnn"))
        assert {found[name] for name in ("x_t", "y_t", "h_0")} == {"data"}
        assert {found[name] for name in ("U", "V")} == {"parameter"}
        assert {found[name] for name in ("h_t", "o_t", "E_t")} == {"definition"}
        assert found["E"] == "result"

    def test_the_right_side_stands_as_it_was_written(self) -> None:
        details = [node.detail for node in drawn("gru").nodes]
        assert "(1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}" in details


class TestUnrolled:
    def test_every_member_is_a_node(self) -> None:
        found = drawn("rnn", members=True, T=3)
        assert {"h_0", "h_1", "h_2", "h_3", "E_1", "E_3", "E"} <= set(kinds(found))
        assert {("h_0", "h_1"), ("h_2", "h_3"), ("x_2", "h_2"), ("E_3", "E")} <= edges(found)
        assert ("h_1", "h_3") not in edges(found)
        assert "T" not in kinds(found)
        assert not any(e.back for e in found.edges)

    def test_ranges_need_numbers_and_reason(self) -> None:
        with pytest.raises(BackproveError, match="T needs a number"):
            drawn("rnn", members=True)
        with pytest.raises(BackproveError, match="too many"):
            drawn("rnn", members=True, T=1000)


EVERY = [(name, {}) for name in models.names()] + [("rnn", {"T": 4}), ("attention-k", {"T": 4})]


@pytest.mark.parametrize(("name", "sizes"), EVERY, ids=str)
class TestTheDrawing:
    def graph(self, name: str, sizes: dict[str, int]) -> Graph:
        more = {"k": 2} if name == "attention-k" and sizes else {}
        return drawn(name, bool(sizes), **sizes, **more)

    def test_boxes_stand_apart_and_edges_go_to_the_right(self, name, sizes) -> None:
        found = self.graph(name, sizes)
        placed = layout(found, {node.key: _text(node).size for node in found.nodes})
        boxes = [placed.boxes[node.key] for node in found.nodes]
        for a, b in combinations(boxes, 2):
            apart = a.x + a.width <= b.x or b.x + b.width <= a.x
            assert apart or a.y + a.height <= b.y or b.y + b.height <= a.y, (a, b)
        for edge, points in placed.routes:
            assert edge.back or points[0][0] < points[-1][0], edge
        assert len(placed.routes) == len(found.edges)
        assert all(b.y >= 0 and b.y + b.height <= placed.height for b in boxes)

    def test_the_file_is_whole(self, name, sizes) -> None:
        found = self.graph(name, sizes)
        root = ElementTree.fromstring(to_svg(found, name))
        boxes = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("class")]
        assert len(boxes) == len(found.nodes)
        mermaid = to_mermaid(found).splitlines()
        assert mermaid[0] == "flowchart LR"
        assert len(mermaid) == 1 + len(found.nodes) + len(found.edges)


def test_signs_that_mean_something_to_the_formats_are_escaped() -> None:
    model = Model("x in R\ny = {1 if x < 2; 0 otherwise}")
    found = graph(model.text, model.system)
    assert "&lt;" in to_svg(found, "<&>")
    ElementTree.fromstring(to_svg(found, "<&>"))
    assert "#lt;" in to_mermaid(found)


def test_the_same_picture_every_time() -> None:
    assert to_svg(drawn("lstm")) == to_svg(drawn("lstm"))
