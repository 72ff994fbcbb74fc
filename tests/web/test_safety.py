"""What reads other people's text must not do what the text says."""

from __future__ import annotations

import html.parser
import json

import pytest

for needed in ("fastapi", "uvicorn", "httpx"):
    pytest.importorskip(needed, reason="the pages need the extra: pip install 'backprove[web]'")

from fastapi.testclient import TestClient

from backprove.web.app import application
from backprove.web.settings import Settings, is_loopback

LINEAR = "x in R^n\nL = sum(x^2)"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "[go](javascript:alert(1))",
    r"\href{javascript:alert(1)}{x} = 1",
    '<math><maction actiontype="statusline" xlink:href="javascript:alert(1)">x</maction></math>',
    "<svg onload=alert(1)> = x",
    "∂L/∂x = <b>2</b> x",
    '∂L/∂x = "><script>alert(1)</script>',
    r"∂L/∂x = \text{<script>alert(1)</script>} x",
    "x' onmouseover='alert(1) = 1",
    "{{ 7 * 7 }} = {% include '/etc/passwd' %}",
    "\u202e\u0000\ud7ff = x",
    "`</code><script>alert(1)</script>` = 2",
]


class Elements(html.parser.HTMLParser):
    """The elements and attributes of a text, as a browser would make them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.names.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def assert_inert(text: str) -> None:
    found = Elements(text)
    assert not found.names & {"script", "img", "iframe", "object", "embed", "form", "maction", "b"}
    for name, value in found.attributes:
        assert not name.startswith("on"), name
        assert name not in ("style", "srcdoc", "xlink:href"), name
        assert "javascript:" not in value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_claims_are_inert(client, text: str) -> None:
    answer = client.post("/api/check", json={"model": LINEAR, "claims": text, "html": True})
    assert answer.status_code == 200
    assert_inert(answer.json()["html"])
    kept = client.post("/api/report", json={"model": LINEAR, "claims": text, "title": text})
    assert kept.status_code == 200
    assert_inert(kept.json()["html"].replace("<style>", "").replace("</style>", ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_models_are_inert(client, text: str) -> None:
    for path in ("model", "diagram"):
        for model in (text, f"# {text}\n{LINEAR}", f"{LINEAR}\n{text}"):
            answer = client.post(f"/api/{path}", json={"model": model})
            assert answer.status_code in (200, 422)
            if answer.status_code == 200:
                assert_inert(answer.json().get("html") or answer.json()["svg"])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_homeworks_are_inert(client, text: str) -> None:
    document = (
        f"---\ntitle: {text!r}\n---\n# 1 {text}\n```model\n{LINEAR}\n```\n{text}\n\n"
        f"$$\\frac{{dL}}{{dx}} = 3 x$$\n\n${text}$\n\n| {text} | a |\n|---|---|\n| ${text}$ | 1 |\n"
    )
    for name in ("a.md", "a.txt", "a.tex", f"{text.replace('/', '')[:80]}.md"):
        for page in (False, True):
            asked = {"document": {"name": name, "text": document}, "page": page}
            answer = client.post("/api/document", json=asked)
            if answer.status_code == 200:
                shown = answer.json()["html"].replace("<style>", "").replace("</style>", "")
                assert_inert(shown)
            else:
                assert answer.status_code == 422, answer.text


def test_markdown_reports_hold_no_html(client) -> None:
    title = "<script>alert(1)</script> [a](javascript:alert(1)) ![](//x)"
    asked = {"model": "# ```\n" + LINEAR, "claims": "\n".join(HOSTILE[:12]), "title": title}
    from markdown_it import MarkdownIt

    written = client.post("/api/report", json=asked).json()["markdown"]
    found = Elements(MarkdownIt("commonmark").render(written))
    assert not found.names & {"script", "img", "a", "svg", "math"}


class TestPages:
    paths = ("/", "/homework", "/derive", "/explore")

    @pytest.mark.parametrize("path", paths)
    def test_a_page_allows_nothing_inline_and_nothing_from_elsewhere(self, client, path) -> None:
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        found = Elements(answer.text)
        for name, value in found.attributes:
            assert not name.startswith("on")
            assert name != "style"
            assert not (name in ("src", "href") and value.startswith(("http", "//", "data:")))
        assert "style" not in found.names

    @pytest.mark.parametrize("path", paths)
    def test_a_first_visit_is_below_200_kilobytes(self, client, path) -> None:
        page = client.get(path)
        total, seen = len(page.content), set()
        waiting = [v for n, v in Elements(page.text).attributes if v.startswith("/static/")]
        while waiting:
            asset = waiting.pop()
            if asset in seen:
                continue
            seen.add(asset)
            content = client.get(asset)
            assert content.status_code == 200, asset
            total += len(content.content)
            words = content.text.split('"')
            waiting += [f"/static/{w[2:]}" for w in words if w.startswith("./")]
        assert total < 200_000

    @pytest.mark.parametrize(
        "path",
        [
            "/static/../app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e/%2e%2e/cli.py",
            "/static//etc/passwd",
            "/static/page.css/..",
            "/api/models/..%2f__init__",
            "/api/models/%00",
            "/api/models/../../etc/passwd",
        ],
    )
    def test_no_path_leads_to_a_file(self, client, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code in (404, 405)
        assert "import" not in answer.text


class TestWhoMayAsk:
    def test_another_name_is_refused(self, client) -> None:
        for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:8000", ""):
            assert client.get("/", headers={"host": host}).status_code == 421
        for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
            assert client.get("/", headers={"host": host}).status_code == 200

    def test_other_sites_may_not_send(self, client) -> None:
        for site in ("cross-site", "same-site"):
            answer = client.post("/api/model", json={"model": ""}, headers={"sec-fetch-site": site})
            assert answer.status_code == 403

    def test_forms_may_not_send(self, client) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            headers = {"content-type": kind}
            answer = client.post("/api/model", content='{"model": ""}', headers=headers)
            assert answer.status_code == 415

    def test_a_token_is_asked_for(self) -> None:
        settings = Settings(workers=1, rate=0, token="a-token-of-the-tests")
        app = application(settings)
        with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
            for path in ("/", "/static/page.css", "/api/models", "/api/openapi.json"):
                assert client.get(path).status_code == 401
            assert client.get("/?token=another").status_code == 401
            bearer = {"authorization": "Bearer a-token-of-the-tests"}
            assert client.get("/api/health", headers=bearer).status_code == 200
            answer = client.get("//evil.example/?token=a-token-of-the-tests&theme=dark")
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/")
            assert not answer.headers["location"].startswith("//")
            assert "token" not in answer.headers["location"]
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert client.get("/").status_code == 200

    def test_which_addresses_are_loopback(self) -> None:
        assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost")))
        assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.4", "example.org", "")))


class TestHowMuch:
    def test_a_large_request_is_not_read(self, client) -> None:
        answer = client.post("/api/model", json={"model": "x" * 400_000})
        assert answer.status_code == 413

    def test_a_large_request_that_hides_its_size_is_broken_off(self, client) -> None:
        def parts():
            yield b'{"model": "'
            for _ in range(100):
                yield b"x" * 10_000
            yield b'"}'

        headers = {"content-type": "application/json"}
        answer = client.post("/api/model", content=parts(), headers=headers)
        assert answer.status_code == 413

    @pytest.mark.parametrize("told", ["-1", "1e9", "9" * 30, "0x10"])
    def test_a_strange_length_is_refused(self, client, told: str) -> None:
        headers = {"content-type": "application/json", "content-length": told}
        answer = client.post("/api/model", content=b"{}", headers=headers)
        assert answer.status_code in (400, 413)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"model": 1}',
            b'{"model": "", "more": 1}',
            b"[" * 100_000,
            b'{"model": "\\ud800"}',
            b"\xff\xfe",
            b'{"model": NaN}',
        ],
    )
    def test_what_is_no_request_is_told(self, client, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        answer = client.post("/api/model", content=body, headers=headers)
        assert answer.status_code in (400, 422)
        assert isinstance(answer.json()["detail"], str)

    def test_a_client_that_asks_too_often_waits(self) -> None:
        app = application(Settings(workers=1, rate=0.001, burst=3))
        with TestClient(app, base_url="http://127.0.0.1") as client:
            said = [client.get("/api/health").status_code for _ in range(5)]
        assert said == [200, 200, 200, 429, 429]

    @pytest.mark.parametrize("name", ["../a.md", "a/b.md", "a\\b.md", "a\u0000.md", "", "a.md/"])
    def test_file_names_have_no_folders(self, client, name: str) -> None:
        asked = {"document": {"name": name, "text": "# a"}}
        assert client.post("/api/document", json=asked).status_code == 422

    @pytest.mark.parametrize("name", ["a.pdf", "passwd", ".md", "a.exe"])
    def test_other_kinds_of_files_are_refused(self, client, name: str) -> None:
        asked = {"document": {"name": name, "text": "# a"}}
        assert client.post("/api/document", json=asked).status_code == 422

    def test_latex_reads_no_other_file(self, client) -> None:
        text = "\\input{/etc/passwd}\n\\include{/etc/hostname}\n$x = 1$"
        asked = {"document": {"name": "a.tex", "text": text}}
        answer = client.post("/api/document", json=asked)
        assert "root:" not in json.dumps(answer.json())
