// The page that checks: claims are judged while they are written.
import { $, ask, copies, latest, modelPane, onAddress, reachable, saveHtml, saveMarkdown, store, stored } from "./common.js";

const SAMPLE = {
  model: `x_t in R^n, y_t in R^k one-hot        for t = 1..3
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..3
o_t = softmax(V h_t)                  for t = 1..3
E_t = -sum(y_t * log(o_t))            for t = 1..3
E   = sum_{t=1}^{3} E_t`,
  claims: `∂E/∂V = Σ_{t=1}^{3} (o_t − y_t) h_tᵀ
δ_3 = ∂E/∂h_3
δ_3 = Vᵀ (y_3 − o_3)
∂h_2/∂h_1 = W (1 − h_2²)`,
};

const claims = $("claims");
const verdicts = $("verdicts");
const model = modelPane(() => check());
const opened = new Set(); // the articles whose evidence is open
const keep = () => store({
  model: model.text, claims: claims.value,
  open: [...opened].map((id) => id.replace("claim-", "")).sort((a, b) => a - b).join(".") || null,
});

const check = latest(async (signal) => {
  keep();
  if (!claims.value.trim()) {
    verdicts.replaceChildren();
    verdicts.classList.remove("stale");
    verdicts.setAttribute("aria-busy", "false");
    $("tally").textContent = "";
    return;
  }
  verdicts.setAttribute("aria-busy", "true");
  try {
    const answer = await ask("check", { model: model.text, claims: claims.value, repairs: false, html: true }, signal);
    show(answer.html);
    $("tally").textContent = answer.counts.replace(/ \(.*/, "");
  } catch (error) {
    if (error.name === "AbortError") throw error;
    verdicts.classList.add("stale");
    $("tally").textContent = $("model-problem").hidden && !error.message.startsWith("line ")
      ? error.message : "The model cannot be read yet.";
  }
  verdicts.setAttribute("aria-busy", "false");
});

/** New verdicts in place of the old ones; evidence that was open stays open. */
function show(html) {
  verdicts.innerHTML = html; // made and escaped by the server
  for (const id of opened) $(id)?.querySelector("details")?.setAttribute("open", "");
  verdicts.classList.remove("stale");
  reachable(verdicts);
}

// Which evidence is open belongs to the state.
verdicts.addEventListener("toggle", (event) => {
  opened[event.target.open ? "add" : "delete"](event.target.closest("article").id);
  keep();
}, true);

// A verdict leads back to its line.
verdicts.addEventListener("click", (event) => {
  const link = event.target.closest("a.line");
  if (!link) return;
  event.preventDefault();
  const number = Number(link.textContent.match(/\d+/)?.[0] ?? 1);
  const lines = claims.value.split("\n");
  const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  claims.focus();
  claims.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
});

for (const button of document.querySelectorAll("[data-sign]")) {
  button.addEventListener("click", () => {
    claims.focus();
    claims.setRangeText(button.dataset.sign, claims.selectionStart, claims.selectionEnd, "end");
    check();
  });
}

claims.addEventListener("input", () => check());
copies($("link"), keep);

async function kept() {
  try {
    return await ask("report", { model: model.text, claims: claims.value });
  } catch (error) {
    $("tally").textContent = error.message;
    return null;
  }
}
$("markdown").addEventListener("click", async () => { const k = await kept(); if (k) saveMarkdown("claims", k.markdown); });
$("html").addEventListener("click", async () => { const k = await kept(); if (k) saveHtml("claims", k.html); });

function apply(state) {
  const known = state.model != null || state.claims != null ? state : SAMPLE;
  model.text = known.model ?? "";
  claims.value = known.claims ?? "";
  opened.clear();
  for (const number of known.open?.match(/\d{1,4}/g) ?? []) opened.add(`claim-${number}`);
  check(true);
}
onAddress(apply);
apply(stored());
