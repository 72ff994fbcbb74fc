// Convolution on a grid: which entries of input and kernel meet in which entry of the output.
import { $, ask, drawn, steady } from "./common.js";

const SLIDERS = ["input", "kernel", "stride", "padding", "dilation"];
let answer = null;
let chosen = [0, 0];
let page;

export const start = (owner) => {
  page = owner;
  for (const id of SLIDERS) {
    $(id).addEventListener("input", () => { $(`${id}-value`).textContent = $(id).value; update(); page.changed(); });
  }
  $("transposed").addEventListener("change", () => { update(true); page.changed(); });
  $("grid-output").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || !answer) return;
    event.preventDefault();
    choose(chosen.map((at, n) => Math.min(Math.max(at + step[n], 0), answer.output[n] - 1)));
  });
};
export const state = () => ({
  ...Object.fromEntries(SLIDERS.map((id) => [id, $(id).value])),
  transposed: $("transposed").checked ? "1" : null, at: chosen.join("."),
});
export function apply(given) {
  for (const id of SLIDERS) {
    if (given[id]) $(id).value = given[id];
    $(`${id}-value`).textContent = $(id).value;
  }
  $("transposed").checked = given.transposed === "1";
  if (/^\d+\.\d+$/.test(given.at ?? "")) chosen = given.at.split(".").map(Number);
  update(true);
}
export const markdown = () => answer && `\`\`\`\n${answer.size}\n\n${answer.sums.join("\n")}\n\`\`\``;
export const picture = () => $("grid-output").outerHTML;

const square = (id) => [Number($(id).value), Number($(id).value)];
export const update = steady(async (signal) => {
  const setting = Object.fromEntries(["stride", "padding", "dilation"].map((id) => [id, Number($(id).value)]));
  const asked = { input: square("input"), kernel: square("kernel"), ...setting, transposed: $("transposed").checked };
  const found = await page.told(ask("explore/convolution", asked, signal));
  if (!found) return;
  answer = found;
  $("size").textContent = found.size;
  chosen = chosen.map((at, n) => Math.min(at, found.output[n] - 1));
  const counts = new Map();
  for (const [, , at] of found.meetings) counts.set(at.join(), (counts.get(at.join()) ?? 0) + 1);
  const most = Math.max(...counts.values(), 1);
  grid($("grid-input"), asked.input);
  grid($("grid-kernel"), asked.kernel);
  grid($("grid-output"), found.output, (at) => ({ text: counts.get(at.join()) ?? 0, share: (counts.get(at.join()) ?? 0) / most }));
  choose(chosen);
});

function grid(svg, [rows, columns], told) {
  svg.setAttribute("viewBox", `-0.05 -0.05 ${columns + 0.1} ${rows + 0.1}`);
  svg.setAttribute("width", Math.min(columns * 34, 380));
  const cells = [];
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      const said = told?.([r, c]);
      const cell = drawn("g", { class: "cell", "data-at": `${r},${c}` }, drawn("rect", { x: c, y: r, width: 1, height: 1, "fill-opacity": said ? (0.08 + 0.5 * said.share).toFixed(2) : null }));
      if (said) {
        cell.append(drawn("text", { x: c + 0.5, y: r + 0.66, "text-anchor": "middle" }, String(said.text)));
        cell.addEventListener("pointerenter", () => choose([r, c]));
        cell.addEventListener("click", () => choose([r, c]));
      }
      cells.push(cell);
    }
  }
  svg.replaceChildren(...cells);
}

function choose(at) {
  chosen = at;
  const met = answer.meetings.filter(([, , out]) => out.join() === at.join());
  light("grid-input", met.map(([p]) => p.join()));
  light("grid-kernel", met.map(([, k]) => k.join()));
  light("grid-output", [at.join()]);
  $("sum").textContent = answer.sums[at[0] * answer.output[1] + at[1]];
  page.changed();
}

function light(id, places) {
  for (const cell of $(id).children) cell.classList.toggle("lit", places.includes(cell.dataset.at));
}
