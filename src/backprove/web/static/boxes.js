// Two boxes to drag, with their overlap and distance.
import { $, ask, drawn, steady } from "./common.js";
import { number } from "./chart.js";

const WIDTH = 30;
const HEIGHT = 20;
const boxes = { a: [4, 4, 14, 14], b: [9, 7, 19, 17] };
let turn = 0;
let answer = null;
let page;

export const start = (owner) => {
  page = owner;
  draw();
  for (const name of ["a", "b"]) {
    for (let edge = 0; edge < 4; edge += 1) {
      $(`${name}${edge}`).addEventListener("input", () => {
        const value = Number($(`${name}${edge}`).value);
        if (Number.isInteger(value) && value >= 0 && value <= (edge % 2 ? HEIGHT : WIDTH)) {
          const box = [...boxes[name]];
          box[edge] = value;
          if (box[2] > box[0] && box[3] > box[1]) put(name, box);
        }
      });
    }
  }
  $("another").addEventListener("click", another);
};

export const state = () => ({ a: boxes.a.join("."), b: boxes.b.join(".") });
export function apply(given) {
  for (const name of ["a", "b"]) {
    const box = (given[name] ?? "").split(".").map(Number);
    const fits = box.length === 4 && box.every((v, n) => Number.isInteger(v) && v >= 0 && v <= (n % 2 ? HEIGHT : WIDTH));
    if (fits && box[2] > box[0] && box[3] > box[1]) boxes[name] = box;
  }
  draw();
  update(true);
}
export const markdown = () => answer && `a = [${answer.a.join(", ")}], b = [${answer.b.join(", ")}]\n\nL2 = √${answer.squared} = ${number(answer.distance, 5)}\n\n\`\`\`\n${answer.lines.join("\n")}\n\`\`\``;
export const picture = () => $("frame").outerHTML;

export const update = steady(async (signal) => {
  const asked = { a: boxes.a, b: boxes.b };
  const found = await page.told(ask("explore/boxes", asked, signal));
  if (!found) return;
  answer = { ...found, ...asked };
  $("iou").textContent = number(answer.iou);
  $("exact").textContent = answer.exact.includes("/") ? `= ${answer.exact}` : "";
  $("distance").textContent = number(answer.distance, 4);
  $("squared").textContent = Number.isInteger(answer.distance) ? "" : `= √${answer.squared}`;
  $("giou").textContent = number(answer.giou);
  $("boxes-lines").textContent = answer.lines.join("\n");
});

function put(name, box) {
  boxes[name] = box;
  turn = 0;
  $("found").textContent = "";
  draw();
  update();
  page.changed();
}

async function another() {
  const asked = { a: boxes.a, b: boxes.b };
  const found = await page.told(ask("explore/pair", { ...asked, width: WIDTH, height: HEIGHT, turn }));
  // boxes that were moved meanwhile stay where they are
  if (!found || boxes.a !== asked.a || boxes.b !== asked.b) return;
  turn += 1;
  boxes.b = found.b;
  draw();
  update(true);
  page.changed();
  $("found").textContent = `${found.found} boxes in whole pixels lie at this distance from a. Their IoU goes from ${number(found.least, 2)} to ${number(found.greatest, 2)}.`;
}

let parts = null;
function draw() {
  parts ??= made();
  for (const name of ["a", "b"]) {
    const [left, top, right, bottom] = boxes[name];
    const { body, handle, label, group } = parts[name];
    for (const [key, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) body.setAttribute(key, value);
    handle.setAttribute("x", right - 0.45);
    handle.setAttribute("y", bottom - 0.45);
    label.setAttribute("x", left + 0.4);
    label.setAttribute("y", top + 1.3);
    group.setAttribute("aria-label", `Box ${name}: from ${left}, ${top} to ${right}, ${bottom}. Arrows move, Shift and arrows size.`);
    boxes[name].forEach((value, edge) => { if (document.activeElement !== $(`${name}${edge}`)) $(`${name}${edge}`).value = value; });
  }
  const low = [0, 1].map((n) => Math.max(boxes.a[n], boxes.b[n]));
  const high = [2, 3].map((n) => Math.min(boxes.a[n], boxes.b[n]));
  const size = high.map((v, n) => Math.max(0, v - low[n]));
  for (const [key, value] of Object.entries({ x: low[0], y: low[1], width: size[0], height: size[1] })) parts.both.setAttribute(key, value);
  for (let n = 0; n < 4; n += 1) {
    const x = [0, 2, 0, 2][n];
    const y = [1, 1, 3, 3][n];
    for (const [key, value] of Object.entries({ x1: boxes.a[x], y1: boxes.a[y], x2: boxes.b[x], y2: boxes.b[y] })) parts.apart[n].setAttribute(key, value);
  }
}

function made() {
  const svg = $("frame");
  svg.append(drawn("rect", { x: 0, y: 0, width: WIDTH, height: HEIGHT, class: "frame" }));
  const found = { both: drawn("rect", { class: "both" }), apart: [0, 1, 2, 3].map(() => drawn("line", { class: "apart" })) };
  for (const name of ["a", "b"]) {
    const body = drawn("rect", { class: "box" });
    const handle = drawn("rect", { width: 0.9, height: 0.9, rx: 0.2, class: "handle" });
    const label = drawn("text", {}, name);
    const group = drawn("g", { class: `dragged ${name === "a" ? "one" : "two"}`, tabindex: 0, role: "application", id: `box-${name}` }, body, label, handle);
    group.addEventListener("pointerdown", (event) => drag(event, name, event.target === handle));
    group.addEventListener("keydown", (event) => press(event, name));
    found[name] = { body, handle, label, group };
    svg.append(group);
  }
  svg.append(found.both, ...found.apart);
  return found;
}

function moved(box, dx, dy, sizing) {
  const [left, top, right, bottom] = box;
  if (sizing) return [left, top, Math.min(Math.max(right + dx, left + 1), WIDTH), Math.min(Math.max(bottom + dy, top + 1), HEIGHT)];
  const x = Math.min(Math.max(dx, -left), WIDTH - right);
  const y = Math.min(Math.max(dy, -top), HEIGHT - bottom);
  return [left + x, top + y, right + x, bottom + y];
}

function drag(event, name, sizing) {
  event.preventDefault();
  const svg = $("frame");
  const group = parts[name].group;
  group.focus();
  const before = boxes[name];
  const from = place(svg, event);
  group.setPointerCapture(event.pointerId);
  const follow = (next) => {
    const to = place(svg, next);
    const box = moved(before, Math.round(to.x - from.x), Math.round(to.y - from.y), sizing);
    if (box.join() !== boxes[name].join()) put(name, box);
  };
  const stop = () => {
    group.removeEventListener("pointermove", follow);
    group.removeEventListener("pointerup", stop);
    group.removeEventListener("pointercancel", stop);
  };
  group.addEventListener("pointermove", follow);
  group.addEventListener("pointerup", stop);
  group.addEventListener("pointercancel", stop);
}

const place = (svg, event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());

function press(event, name) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  put(name, moved(boxes[name], ...step, event.shiftKey));
}
