// Line charts in SVG: axes with few ticks, lines that differ in colour and dash, a marker.
import { drawn } from "./common.js";

const MARGIN = { left: 52, right: 14, top: 26, bottom: 40 };

/** `lines`: { name, points: [[x, y|null], …], tone, soft }; `y.log` takes powers of ten. */
export function chart(svg, { x, y, lines, bands = [], marks = [], at = null, legend = true }) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const px = (v) => MARGIN.left + ((v - x.low) / (x.high - x.low)) * (width - MARGIN.left - MARGIN.right);
  const rise = (v) => (y.log ? Math.log10(v) : v);
  const py = (v) => height - MARGIN.bottom - ((rise(v) - rise(y.low)) / (rise(y.high) - rise(y.low))) * (height - MARGIN.top - MARGIN.bottom);
  const inside = (v) => v != null && (!y.log || v > 0);
  const clamp = (v) => Math.min(Math.max(v, y.low), y.high);
  const parts = [];
  for (const tick of x.ticks) {
    parts.push(drawn("line", { x1: px(tick), x2: px(tick), y1: py(y.low), y2: py(y.high), class: "rule" }));
    parts.push(drawn("text", { x: px(tick), y: py(y.low) + 17, "text-anchor": "middle" }, shown(tick)));
  }
  for (const tick of y.ticks) {
    parts.push(drawn("line", { x1: px(x.low), x2: px(x.high), y1: py(tick), y2: py(tick), class: tick === y.base ? "base" : "rule" }));
    parts.push(drawn("text", { x: px(x.low) - 8, y: py(tick) + 4, "text-anchor": "end" }, y.log ? power(tick) : shown(tick)));
  }
  parts.push(drawn("text", { x: (px(x.low) + px(x.high)) / 2, y: height - 6, "text-anchor": "middle", class: "label" }, x.label));
  for (const { points, tone } of bands) {
    const fine = points.filter(([, low, high]) => inside(low) && inside(high));
    const up = fine.map(([v, low]) => `${px(v)} ${py(clamp(low))}`);
    const down = fine.map(([v, , high]) => `${px(v)} ${py(clamp(high))}`).reverse();
    if (fine.length) parts.push(drawn("path", { d: `M${[...up, ...down].join("L")}z`, class: `band ${tone}` }));
  }
  for (const { points, tone, soft } of lines) {
    let path = "";
    let pen = false;
    for (const [v, w] of points) {
      const out = !inside(w) || w < y.low || w > y.high;
      if (inside(w) && (!out || pen)) path += `${pen ? "L" : "M"}${px(v).toFixed(1)} ${py(clamp(w)).toFixed(1)}`;
      pen = !out;
    }
    parts.push(drawn("path", { d: path || "M0 0", class: `curve ${tone} ${soft ? "kept" : ""}` }));
  }
  for (const [v, w, tone] of marks) {
    if (inside(w) && w >= y.low && w <= y.high) parts.push(drawn("circle", { cx: px(v), cy: py(w), r: 4.5, class: `spot ${tone}` }));
  }
  if (at != null) parts.push(drawn("line", { x1: px(at), x2: px(at), y1: py(y.low), y2: py(y.high), class: "at" }));
  if (legend) {
    lines.filter((line) => line.name).forEach(({ name, tone, soft }, n) => {
      const top = MARGIN.top + 14 + 18 * n;
      const left = px(x.high) - 150;
      parts.push(drawn("path", { d: `M${left} ${top - 4}h22`, class: `curve ${tone} ${soft ? "kept" : ""}` }));
      parts.push(drawn("text", { x: left + 28, y: top }, name));
    });
  }
  if (y.label) parts.push(drawn("text", { x: MARGIN.left - 8, y: 14, "text-anchor": "start", class: "label" }, y.label));
  svg.replaceChildren(...parts);
}

const shown = (v) => String(Math.round(v * 100) / 100).replace("-", "−");
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const power = (v) => {
  const exponent = Math.round(Math.log10(v));
  return exponent ? `10${[...String(exponent)].map((c) => RAISED[c]).join("")}` : "1";
};

/** A number with three digits, with a true minus. */
export const number = (v, digits = 3) => (v == null ? "–" : Number(v.toPrecision(digits)).toString().replace("-", "−"));
