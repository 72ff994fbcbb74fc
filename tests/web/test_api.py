"""The API says what the command line says, as JSON."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from tests.web.conftest import HOMEWORKS

from backprove import Model, models

LINEAR = "x in R^n, t in R^m\nW in R^{m x n}\ny = sigmoid(W x)\nL = 1/2 sum((y - t)^2)"


def post(client, path: str, **asked):
    answer = client.post(f"/api/{path}", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestCheck:
    def test_a_verdict_for_each_claim_with_its_line(self, client) -> None:
        claims = "∂L/∂y = y - t\n\nδ = ∂L/∂y ⊙ y ⊙ (1 - y)\n∂L/∂W = δ x\n∂L/∂y = t - y"
        answer = post(client, "check", model=LINEAR, claims=claims)
        assert [(c["line"], c["verdict"]) for c in answer["claims"]] == [
            (1, "correct"),
            (4, "notation"),
            (5, "wrong"),
        ]
        assert answer["definitions"] == [3]
        wrong = answer["claims"][2]
        assert wrong["mistake"] == "sign"
        start, end = wrong["place"]
        assert wrong["text"][start:end] == "t - y"
        assert wrong["evidence"]["left"] != wrong["evidence"]["right"]

    def test_it_is_what_the_library_says(self, client) -> None:
        claim = "∂y/∂x = y (1 - y) W"
        said = post(client, "check", model=LINEAR, claims=claim)["claims"][0]
        verdict = Model(LINEAR).check(claim)
        assert (said["verdict"], said["reading"]) == (str(verdict.verdict), verdict.reading)

    def test_a_where_line_belongs_to_the_claim_before_it(self, client) -> None:
        claims = "∂L/∂W = q xᵀ\nwhere q = (y - t) ⊙ y ⊙ (1 - y)"
        (said,) = post(client, "check", model=LINEAR, claims=claims)["claims"]
        assert (said["line"], said["verdict"]) == (1, "correct")

    def test_what_is_being_written_is_not_repaired(self, client) -> None:
        asked = {"model": LINEAR, "claims": "∂L/∂y = (t - y"}
        (repaired,) = post(client, "check", **asked)["claims"]
        (plain,) = post(client, "check", **asked, repairs=False)["claims"]
        assert (repaired["verdict"], plain["verdict"]) == ("wrong", "unreadable")
        assert plain["text"][slice(*plain["place"])] == "("

    def test_the_fragment_points_at_the_mistake(self, client) -> None:
        html = post(client, "check", model=LINEAR, claims="∂L/∂y = t - y", html=True)["html"]
        assert 'class="here"' in html
        assert "wrong: sign" in html

    def test_a_model_without_a_meaning_is_told_with_its_line(self, client) -> None:
        answer = client.post("/api/check", json={"model": "x in R^n\ny = W x", "claims": "y = x"})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("line 2:")

    def test_a_report_to_keep(self, client) -> None:
        kept = post(client, "report", model=LINEAR, claims="∂L/∂y = t - y", title="Mine")
        assert kept["html"].startswith("<!doctype html>")
        assert "# Mine" in kept["markdown"]
        assert "```model" in kept["markdown"]
        assert r"$\frac{\partial L}{\partial y} = t - y$" in kept["markdown"]


class TestDerive:
    asked: ClassVar = {"model": models.text("rnn", T=3), "of": "E", "by": "W"}

    @pytest.mark.parametrize(
        ("view", "part"),
        [("definitions", "δ_{t+1}"), ("unrolled", "δ_2"), ("components", "δ_t[i]")],
    )
    def test_the_views(self, client, view: str, part: str) -> None:
        answer = post(client, "derive", **self.asked, view=view)
        assert part in answer["unicode"]
        assert answer["mathml"].startswith("<math")
        assert answer["latex"].startswith(r"\begin{aligned}")

    def test_what_there_is_not_is_told(self, client) -> None:
        answer = client.post("/api/derive", json={**self.asked, "by": "Q"})
        assert answer.status_code == 422
        assert "Q" in answer.json()["detail"]

    def test_steps_end_in_the_derivative(self, client) -> None:
        *_, last = post(client, "steps", **self.asked)["steps"]
        assert last["unicode"].startswith("δ_t = ")
        assert "∂E/∂W" in last["unicode"]

    @pytest.mark.parametrize("target", ["numpy", "torch", "jax"])
    def test_code(self, client, target: str) -> None:
        source = post(client, "code", **self.asked, target=target)["source"]
        compile(source, target, "exec")
        assert "def gradient(" in source

    def test_the_graph(self, client) -> None:
        answer = post(client, "diagram", model=self.asked["model"])
        assert answer["svg"].startswith("<svg")
        assert "style" not in answer["svg"]
        assert answer["mermaid"].startswith(("flowchart", "graph"))

    def test_nothing_has_no_graph(self, client) -> None:
        answer = client.post("/api/diagram", json={"model": "# only words"})
        assert answer.status_code == 422
        assert "nothing to draw" in answer.json()["detail"]

    def test_a_model_as_it_is_read(self, client) -> None:
        answer = post(client, "model", model=LINEAR)
        assert answer["declared"] == ["x", "t", "W"]
        assert answer["defined"] == ["y", "L"]
        assert "<math" in answer["html"]


def test_the_shipped_models(client) -> None:
    listed = client.get("/api/models").json()
    assert [entry["name"] for entry in listed] == models.names()
    assert client.get("/api/models/lstm").json()["text"] == models.text("lstm")
    assert client.get("/api/models/nosuch").status_code == 404


def test_a_named_quantity(client) -> None:
    answer = post(client, "explain", quantity="iou([0,0,2,2], [1,1,3,3])")
    assert answer["value"] == "1/7 = 0.1428…"


class TestDocuments:
    def file(self, name: str) -> dict[str, str]:
        return {"name": name, "text": (HOMEWORKS / name).read_text()}

    def test_a_homework_with_its_own_models(self, client) -> None:
        answer = post(client, "document", document=self.file("homework.md"))
        assert answer["report"]["summary"]["claims"] == 14
        assert "<!doctype" not in answer["html"]
        assert answer["markdown"].count("What would be right") == 4

    def test_a_submission_marked_by_a_sheet(self, client) -> None:
        asked = {
            "document": self.file("submission.md"),
            "sheet": self.file("sheet.md"),
            "mark": True,
        }
        answer = post(client, "document", **asked)
        assert answer["report"]["marks"] == {"awarded": 6.0, "pending": 1.0, "of": 10.0}
        whole = post(client, "document", **asked, page=True)["html"]
        assert "<!doctype html>" in whole
        assert "**6 of 10 marks; 1 more awaits a person**" in answer["markdown"]

    def test_a_notebook(self, client) -> None:
        source = [f"```model\n{LINEAR}\n```\n", "$$\\frac{\\partial L}{\\partial y} = y - t$$"]
        cells = [{"cell_type": "markdown", "source": text} for text in source]
        file = {"name": "mine.ipynb", "text": json.dumps({"cells": cells, "nbformat": 4})}
        (claim,) = post(client, "document", document=file)["report"]["claims"]
        assert claim["verdict"] == "correct"

    def test_marks_need_a_sheet(self, client) -> None:
        asked = {"document": self.file("homework.md"), "mark": True}
        answer = client.post("/api/document", json=asked)
        assert answer.status_code == 422
        assert "sheet" in answer.json()["detail"]


class TestExplore:
    def test_boxes(self, client) -> None:
        answer = post(client, "explore/boxes", a=[0, 0, 2, 2], b=[1, 1, 3, 3])
        assert (answer["exact"], answer["squared"]) == ("1/7", 4)
        assert answer["iou"] == pytest.approx(1 / 7)

    def test_another_pair_has_the_same_distance_and_another_overlap(self, client) -> None:
        a, b = [4, 4, 14, 14], [9, 7, 19, 17]
        squared = post(client, "explore/boxes", a=a, b=b)["squared"]
        overlaps = set()
        for turn in range(6):
            found = post(client, "explore/pair", a=a, b=b, turn=turn)
            again = post(client, "explore/boxes", a=a, b=found["b"])
            assert again["squared"] == squared
            assert found["least"] <= again["iou"] <= found["greatest"]
            overlaps.add(again["iou"])
        assert len(overlaps) == 6

    def test_the_ranked_table(self, client) -> None:
        answer = post(client, "explore/ranking", hits="TTFT", positives=4)
        assert [r["at"] for r in answer["ranks"]] == [
            [0.25, 1.0],
            [0.5, 1.0],
            [0.5, pytest.approx(2 / 3)],
            [0.75, 0.75],
        ]
        assert answer["exact"] == "15/22"
        assert sum(p for _, p in answer["samples"]) / 11 == pytest.approx(15 / 22)

    def test_more_hits_than_positives_are_refused(self, client) -> None:
        asked = {"hits": "TTT", "positives": 2}
        assert client.post("/api/explore/ranking", json=asked).status_code == 422

    def test_a_transposed_convolution_is_the_convolution_the_other_way(self, client) -> None:
        setting = {"kernel": [3, 3], "stride": 2, "padding": 1}
        forth = post(client, "explore/convolution", input=[7, 7], **setting)
        back = post(
            client, "explore/convolution", input=forth["output"], transposed=True, **setting
        )
        assert back["output"] == [7, 7]
        flipped = sorted([out, k, inp] for inp, k, out in back["meetings"])
        assert flipped == sorted(forth["meetings"])

    def test_losses_at_a_confident_mistake(self, client) -> None:
        answer = post(client, "explore/loss", output="sigmoid")
        at = answer["logits"].index(-5.0)
        slopes = {curve["name"]: curve["slope"][at] for curve in answer["curves"]}
        assert slopes["cross-entropy"] == pytest.approx(-0.9933, abs=1e-3)
        assert abs(slopes["squared error"]) < 0.01

    def test_gradients_through_time(self, client) -> None:
        small, large = (
            post(client, "explore/time", cell=0, scale=scale)["norms"] for scale in (0.5, 4.0)
        )
        assert small[0] == large[0] == 1.0
        assert small[-1] < 1e-3 < large[-1]


def test_every_answer_is_described(client) -> None:
    described = client.get("/api/openapi.json").json()
    assert described["info"]["title"] == "Backprove"
    for path, methods in described["paths"].items():
        for method in methods.values():
            schema = method["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema, path
