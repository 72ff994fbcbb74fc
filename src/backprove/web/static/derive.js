// The page that derives: what by what, in the view that is asked for.
import { $, ask, copies, escaped, latest, make, modelPane, onAddress, problem, reachable, saveHtml, saveMarkdown, standalone, store, stored } from "./common.js";

const SAMPLE = {
  model: `x_t in R^n, y_t in R^k one-hot        for t = 1..T
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..T
o_t = softmax(V h_t)                  for t = 1..T
E_t = -sum(y_t * log(o_t))            for t = 1..T
E   = sum_{t=1}^{T} E_t`,
  of: "E", by: "W", count: "", view: "definitions", target: "numpy",
};
const FIELDS = ["of", "by", "count"];
const result = $("result");
let shown = null; // what is on the page: { title, model, markdown, html }
let revealed = 1; // steps that are shown

const model = modelPane((name) => {
  if (!name) derive();
  else [picking, revealed] = [true, 1];
});
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const choose = (name, value) => {
  const input = document.querySelector(`input[name="${name}"][value="${CSS.escape(value ?? "")}"]`);
  if (input) input.checked = true;
};

/** Another model has other names: its last definition by its first parameter, until one chooses. */
let picking = false;
model.onnames = ({ declared, defined }) => {
  $("defined").replaceChildren(...defined.map((value) => make("option", { value })));
  $("names").replaceChildren(...[...declared, ...defined].map((value) => make("option", { value })));
  if (!picking) return;
  picking = false;
  $("of").value = defined.at(-1) ?? "";
  $("by").value = declared.find((name) => /^[A-ZΑ-Ω]/.test(name)) ?? declared[0] ?? "";
  derive(true);
};

function state() {
  const entries = { model: model.text, view: chosen("view"), of: $("of").value, by: $("by").value, count: $("count").value || null };
  if ($("immediate").checked) entries.immediate = "1";
  if (entries.view === "code") entries.target = chosen("target");
  if (entries.view === "steps") entries.step = String(revealed);
  return entries;
}

const derive = latest(async (signal) => {
  const view = chosen("view");
  store(state());
  $("unroll-steps").hidden = view !== "unrolled";
  $("targets").hidden = $("copy").hidden = view !== "code";
  $("teaching").hidden = view !== "steps";
  const question = { model: model.text, of: $("of").value.trim(), by: $("by").value.trim() };
  try {
    if (view !== "graph" && !(question.of && question.by)) throw new Error("Say what to derive, and by what.");
    const title = view === "graph" ? "The computational graph" : `∂${question.of}/∂${question.by}`;
    shown = { ...await SHOW[view](question, signal), title, model: model.text };
    problem($("problem"), "");
    reachable(result);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    shown = null;
    result.replaceChildren();
    problem($("problem"), error.message);
  }
});

const SHOW = {
  steps: async (question, signal) => {
    const { steps } = await ask("steps", { ...question, immediate: $("immediate").checked }, signal);
    revealed = Math.min(Math.max(revealed, 1), steps.length);
    const items = steps.map((step) => {
      const item = make("li", {}, make("p", {}, step.words));
      if (step.mathml) item.append(math(step.mathml));
      return item;
    });
    result.replaceChildren(make("ol", { class: "steps" }, ...items));
    reveal();
    return {
      markdown: steps.map((s, n) => `${n + 1}. ${s.words}${s.unicode ? `\n\n   ${s.unicode.replaceAll("\n", "\n   ")}` : ""}`).join("\n\n"),
      html: `<ol>${steps.map((s) => `<li><p>${escaped(s.words)}</p>${s.mathml}</li>`).join("")}</ol>`,
    };
  },
  code: async (question, signal) => {
    const { source } = await ask("code", { ...question, target: chosen("target") }, signal);
    result.replaceChildren(make("pre", { class: "code" }, source));
    return { code: source, markdown: `\`\`\`python\n${source}\`\`\``, html: `<pre>${escaped(source)}</pre>` };
  },
  graph: async ({ model: text }, signal) => {
    const { svg, mermaid } = await ask("diagram", { model: text }, signal);
    const figure = make("div", { class: "diagram" });
    figure.innerHTML = svg; // made and escaped by the server
    result.replaceChildren(figure);
    return { markdown: `\`\`\`mermaid\n${mermaid}\`\`\``, html: svg };
  },
};
for (const view of ["definitions", "components", "unrolled", "closed"]) {
  SHOW[view] = async (question, signal) => {
    const count = view === "unrolled" && $("count").value ? Number($("count").value) : null;
    const found = await ask("derive", { ...question, view, steps: count, immediate: $("immediate").checked }, signal);
    result.replaceChildren(math(found.mathml));
    return { markdown: `$$\n${found.latex}\n$$`, html: found.mathml };
  };
}

function math(mathml) {
  const box = make("div", { class: "derived" });
  box.innerHTML = mathml; // made and escaped by the server
  return box;
}

function reveal() {
  const items = [...result.querySelectorAll(".steps > li")];
  items.forEach((item, n) => { item.hidden = n >= revealed; });
  $("next").disabled = $("all").disabled = revealed >= items.length;
  store(state());
}
$("next").addEventListener("click", () => {
  revealed += 1;
  reveal();
  result.querySelectorAll(".steps > li")[revealed - 1]?.scrollIntoView({ block: "nearest" });
});
$("all").addEventListener("click", () => { revealed = result.querySelectorAll(".steps > li").length; reveal(); });
$("again").addEventListener("click", () => { revealed = 1; reveal(); });

for (const id of FIELDS) $(id).addEventListener("input", () => { [picking, revealed] = [false, 1]; derive(); });
$("immediate").addEventListener("change", () => derive(true));
for (const input of document.querySelectorAll("input[type=radio]")) input.addEventListener("change", () => derive(true));

copies($("link"), () => store(state()));
copies($("copy"), () => shown?.code ?? "");
$("markdown").addEventListener("click", () => {
  if (shown) saveMarkdown("derivation", `# ${shown.title}\n\n\`\`\`model\n${shown.model}\n\`\`\`\n\n${shown.markdown}\n`);
});
$("html").addEventListener("click", () => {
  if (shown) saveHtml("derivation", standalone(shown.title, `<pre>${escaped(shown.model)}</pre>\n${shown.html}`));
});

function apply(given) {
  const known = { ...SAMPLE, ...given };
  for (const id of FIELDS) $(id).value = known[id];
  $("immediate").checked = known.immediate === "1";
  choose("view", known.view);
  choose("target", known.target);
  revealed = Number(known.step) || 1;
  model.text = known.model;
  derive(true);
}
onAddress(apply);
apply(stored());
