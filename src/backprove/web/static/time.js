// Gradients through time, by cell and scale of the weights.
import { $, ask, latest } from "./common.js";
import { chart } from "./chart.js";

const SAID = {
  vanishes: "the gradient vanishes", explodes: "the gradient explodes",
  differs: "it depends on the draw", overflows: "states or derivatives overflow",
};
const MOST = 4;
let answer = null; // with the setting that it answers: { cell, scale }
let kept = []; // earlier ones
let turn = 0; // of the lines that are kept
let page;

export const start = (owner) => {
  page = owner;
  for (const id of ["cell", "scale"]) $(id).addEventListener("input", () => { $("scale-value").textContent = $("scale").value; update(); page.changed(); });
  $("keep").addEventListener("click", () => { if (answer) keep([...kept, answer]); });
  $("clear").addEventListener("click", () => keep([]));
};
export const state = () => ({
  cell: $("cell").value, scale: $("scale").value,
  kept: kept.map(({ setting: { cell, scale } }) => `${cell}:${scale}`).join(" ") || null,
});
export function apply(given) {
  for (const id of ["cell", "scale"]) if (given[id]) $(id).value = given[id];
  if (!$("cell").value) $("cell").value = "0"; // there is no such cell
  $("scale-value").textContent = $("scale").value;
  update(true);
  again(given.kept ?? "");
}
export const markdown = () => answer && `${named(answer)}: factor per step ${answer.rate}\n\n| steps back | norm |\n| ---: | ---: |\n${answer.norms.map((v, n) => `| ${n} | ${v} |`).join("\n")}`;
export const picture = () => $("time-chart").outerHTML;
const named = ({ cell, setting }) => `${cell}, ${setting.scale}`;
const points = ({ norms }) => norms.map((v, n) => [n, v]);

async function told(setting, signal) {
  const found = await page.told(ask("explore/time", setting, signal));
  return found && { ...found, setting };
}

export const update = latest(async (signal) => {
  const found = await told({ cell: Number($("cell").value), scale: Number($("scale").value) }, signal);
  if (!found) return;
  answer = found;
  draw();
}, 80);

function keep(lines) {
  turn += 1;
  kept = lines.slice(-MOST);
  draw();
  page.changed();
}

/** Ask again for the lines that an address keeps, unless others are kept meanwhile. */
async function again(text) {
  const settings = text.split(" ").map((pair) => pair.split(":").map(Number)).filter(([cell, scale]) => Number.isInteger(cell) && scale > 0);
  if (settings.map((pair) => pair.join(":")).join(" ") === (state().kept ?? "")) return;
  turn += 1;
  const mine = turn;
  kept = [];
  const found = [];
  for (const [cell, scale] of settings.slice(-MOST)) found.push(await told({ cell, scale }));
  if (turn === mine) keep(found.filter(Boolean));
}

function draw() {
  if (!answer) return;
  $("rate").textContent = answer.verdict === "overflows" ? `${SAID.overflows}.` : `Times ${answer.rate} a step: ${SAID[answer.verdict]}.`;
  const powers = [-12, -9, -6, -3, 0, 3, 6].map((n) => 10 ** n);
  chart($("time-chart"), {
    x: { low: 0, high: 30, ticks: [0, 5, 10, 15, 20, 25, 30], label: "steps back, T − t" },
    y: { low: 1e-12, high: 1e7, ticks: powers, base: 1, log: true, label: "" },
    lines: [
      ...kept.map((line, n) => ({ name: named(line), points: points(line), tone: ["two", "three", "four", "five"][n], soft: true })),
      { name: named(answer), points: points(answer), tone: "one" },
    ],
    bands: [{ tone: "one", points: answer.norms.map((_, n) => [n, answer.low[n], answer.high[n]]) }],
  });
}
