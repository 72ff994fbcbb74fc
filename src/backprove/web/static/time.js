// Gradients through time, by cell and scale of the weights.
import { $, ask, latest } from "./common.js";
import { chart } from "./chart.js";

const SAID = {
  vanishes: "the gradient vanishes", explodes: "the gradient explodes",
  differs: "it depends on the draw", overflows: "states or derivatives overflow",
};
let answer = null;
let kept = [];
let page;

export const start = (owner) => {
  page = owner;
  for (const id of ["cell", "scale"]) $(id).addEventListener("input", () => { $("scale-value").textContent = $("scale").value; update(); page.changed(); });
  $("keep").addEventListener("click", () => { if (answer) kept = [...kept, named()].slice(-4); draw(); });
  $("clear").addEventListener("click", () => { kept = []; draw(); });
};
export const state = () => ({ cell: $("cell").value, scale: $("scale").value });
export function apply(given) {
  for (const id of ["cell", "scale"]) if (given[id]) $(id).value = given[id];
  $("scale-value").textContent = $("scale").value;
  update(true);
}
export const markdown = () => `${named().name}: factor per step ${answer?.rate}\n\n| steps back | norm |\n| ---: | ---: |\n${answer?.norms.map((v, n) => `| ${n} | ${v} |`).join("\n")}`;
export const picture = () => $("time-chart").outerHTML;
const named = () => ({ name: `${answer.cell}, ${$("scale").value}`, points: answer.norms.map((v, n) => [n, v]) });

export const update = latest(async (signal) => {
  const found = await page.told(ask("explore/time", { cell: Number($("cell").value), scale: Number($("scale").value) }, signal));
  if (!found) return;
  answer = found;
  draw();
}, 80);

function draw() {
  if (!answer) return;
  $("rate").textContent = answer.verdict === "overflows" ? `${SAID.overflows}.` : `Times ${answer.rate} a step: ${SAID[answer.verdict]}.`;
  const powers = [-12, -9, -6, -3, 0, 3, 6].map((n) => 10 ** n);
  chart($("time-chart"), {
    x: { low: 0, high: 30, ticks: [0, 5, 10, 15, 20, 25, 30], label: "steps back, T − t" },
    y: { low: 1e-12, high: 1e7, ticks: powers, base: 1, log: true, label: "" },
    lines: [...kept.map((line, n) => ({ ...line, tone: ["two", "three", "four", "five"][n], soft: true })), { ...named(), tone: "one" }],
    bands: [{ tone: "one", points: answer.norms.map((_, n) => [n, answer.low[n], answer.high[n]]) }],
  });
}
