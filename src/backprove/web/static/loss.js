// Losses and their gradients against the logit.
import { $, ask, make, steady } from "./common.js";
import { chart, number } from "./chart.js";

const TONES = { S: "one", C: "two", F: "three" };
let answer = null;
let page;

export const start = (owner) => {
  page = owner;
  $("logit").addEventListener("input", () => { draw(); page.changed(); });
  $("gamma").addEventListener("input", () => { $("gamma-value").textContent = $("gamma").value; update(); page.changed(); });
  for (const input of document.querySelectorAll("input[name=output]")) input.addEventListener("change", () => { update(true); page.changed(); });
};
const output = () => document.querySelector("input[name=output]:checked").value;
export const state = () => ({ output: output(), logit: $("logit").value, gamma: $("gamma").value });
export function apply(given) {
  for (const id of ["logit", "gamma"]) if (given[id]) $(id).value = given[id];
  $("gamma-value").textContent = $("gamma").value;
  const input = document.querySelector(`input[name=output][value="${CSS.escape(given.output ?? "")}"]`);
  if (input) input.checked = true;
  update(true);
}
export const markdown = () => {
  if (!answer) return null;
  const n = nearest();
  const rows = answer.curves.map((c) => `| ${c.name} | ${number(c.loss[n])} | ${number(c.slope[n])} |`).join("\n");
  return `${answer.output}, z = ${number(answer.logits[n], 2)}, focal γ = ${answer.gamma}, true class 1\n\n| loss | value | derivative by z |\n| --- | ---: | ---: |\n${rows}`;
};
export const picture = () => $("slope-chart").outerHTML;

export const update = steady(async (signal) => {
  const asked = { output: output(), gamma: Number($("gamma").value) };
  const found = await page.told(ask("explore/loss", asked, signal));
  if (!found) return;
  answer = { ...found, ...asked };
  draw();
});

const nearest = () => {
  const z = Number($("logit").value);
  return answer.logits.reduce((best, v, n) => (Math.abs(v - z) < Math.abs(answer.logits[best] - z) ? n : best), 0);
};

function draw() {
  if (!answer) return;
  const n = nearest();
  const z = answer.logits[n];
  $("logit-value").textContent = number(z, 2);
  $("losses").replaceChildren(
    make("thead", {}, make("tr", {}, ...["", "loss", "gradient"].map((words) => make("th", { scope: "col" }, words)))),
    make("tbody", {}, ...answer.curves.map((c) => make("tr", {}, make("th", { scope: "row", class: TONES[c.key] }, c.name), make("td", {}, number(c.loss[n])), make("td", {}, number(c.slope[n]))))),
  );
  const x = { low: -8, high: 8, ticks: [-8, -4, 0, 4, 8], label: `logit z;  p = ${number(answer.probability[n])} at the line` };
  const lines = (key) => answer.curves.map((c) => ({ name: c.name, tone: TONES[c.key], points: answer.logits.map((v, i) => [v, c[key][i]]) }));
  const marks = (key) => answer.curves.map((c) => [z, c[key][n], TONES[c.key]]);
  chart($("loss-chart"), { x, y: { low: 0, high: 8, ticks: [0, 2, 4, 6, 8], base: 0, label: "loss" }, lines: lines("loss"), marks: marks("loss"), at: z });
  chart($("slope-chart"), { x, y: { low: -2, high: 0.6, ticks: [-2, -1.5, -1, -0.5, 0, 0.5], base: 0, label: "gradient" }, lines: lines("slope"), marks: marks("slope"), at: z, legend: false });
}
