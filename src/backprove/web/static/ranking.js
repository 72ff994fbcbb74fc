// Ranked hits, their table, and the curve that they turn into.
import { $, ask, make, steady } from "./common.js";
import { chart, number } from "./chart.js";

let hits = "TTFTFFTF";
let smooth = true;
let answer = null;
let page;

export const start = (owner) => {
  page = owner;
  $("more").addEventListener("click", () => { if (hits.length < 40) set(`${hits}F`); });
  $("fewer").addEventListener("click", () => { if (hits.length > 1) set(hits.slice(0, -1)); });
  for (const id of ["positives", "points"]) $(id).addEventListener("input", () => { update(); page.changed(); });
  $("interpolate").addEventListener("click", () => { smooth = !smooth; draw(); page.changed(); });
};
export const state = () => ({ hits, positives: $("positives").value, points: $("points").value, smooth: smooth ? null : "0" });
export function apply(given) {
  if (/^[TF]{1,40}$/.test(given.hits ?? "")) hits = given.hits;
  if (given.positives) $("positives").value = given.positives;
  if (["11", "101", "all"].includes(given.points)) $("points").value = given.points;
  smooth = given.smooth !== "0";
  buttons();
  update(true);
}
export const markdown = () => answer && `Hits ${answer.hits}, ${answer.positives} positives: AP = ${answer.exact} = ${number(answer.average, 4)}\n\n\`\`\`\n${answer.lines.join("\n")}\n\`\`\``;
export const picture = () => $("curve").outerHTML;

function set(word) {
  hits = word;
  buttons();
  update();
  page.changed();
}

function buttons() {
  const row = $("hits");
  while (row.children.length > hits.length) row.lastChild.remove();
  while (row.children.length < hits.length) {
    const n = row.children.length;
    row.append(make("button", { type: "button", click: () => set(hits.slice(0, n) + (hits[n] === "T" ? "F" : "T") + hits.slice(n + 1)) }));
  }
  [...row.children].forEach((button, n) => {
    const hit = hits[n] === "T";
    button.textContent = hit ? "✓" : "✗";
    button.className = hit ? "hit" : "miss";
    button.setAttribute("aria-pressed", hit);
    button.setAttribute("aria-label", `Prediction ${n + 1} is a ${hit ? "hit" : "miss"}`);
  });
}

export const update = steady(async (signal) => {
  const asked = { hits, positives: Number($("positives").value), points: $("points").value };
  const found = await page.told(ask("explore/ranking", asked, signal));
  if (!found) return;
  answer = { ...found, ...asked };
  draw();
});

function draw() {
  if (!answer) return;
  const head = ["rank", "", "precision", "recall", "interpolated"];
  $("ranks").replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((words) => make("th", { scope: "col" }, words)))),
    make("tbody", {}, ...answer.ranks.map((r) => make("tr", { class: r.hit ? "hit" : "" },
      make("td", {}, String(r.rank)), make("td", {}, r.hit ? "✓" : "✗"),
      make("td", {}, `${r.precision} = ${number(r.at[1])}`), make("td", {}, `${r.recall} = ${number(r.at[0])}`),
      make("td", {}, number(r.best))))),
  );
  $("average").textContent = answer.exact.includes("/") && answer.exact.length < 12 ? `${answer.exact} = ${number(answer.average, 4)}` : number(answer.average, 4);
  $("ranking-lines").textContent = answer.lines.join("\n");
  $("interpolate").setAttribute("aria-pressed", smooth);
  $("interpolate").textContent = smooth ? "Show as measured" : "Interpolate";
  const raw = [[0, answer.ranks[0].at[1]], ...answer.ranks.map((r) => r.at)];
  const stairs = [];
  let before = 0;
  for (const { at: [recall], best } of answer.ranks.filter((r) => r.hit)) {
    stairs.push([before, best], [recall, best]);
    before = recall;
  }
  stairs.push([before, 0], [1, 0]);
  chart($("curve"), {
    x: { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], label: "recall" },
    y: { low: 0, high: 1.05, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], base: 0, label: "precision" },
    lines: [{ points: raw, tone: "one", soft: smooth }, ...(smooth ? [{ points: stairs, tone: "two" }] : [])],
    marks: smooth && answer.samples.length && answer.samples.length < 20
      ? answer.samples.map(([r, p]) => [r, p, "two"]) : answer.ranks.map((r) => [...r.at, "one"]),
    legend: false,
  });
}
