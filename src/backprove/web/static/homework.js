// The page for whole homeworks: files in, a report out.
import { $, ask, latest, problem, reachable, saveHtml, saveMarkdown } from "./common.js";

const LARGEST = 4_000_000;
const files = { homework: null, sheet: null };
const turns = { homework: 0, sheet: 0 }; // of files that are given, while they are being read
let answer = null; // the report, with the question that it answers

async function take(role, file, dropped = false) {
  if (!file) return;
  turns[role] += 1;
  const turn = turns[role];
  problem($("problem"), "");
  if (file.size > LARGEST) {
    problem($("problem"), `${file.name} is too large: ${LARGEST / 1e6} MB is the most that is read.`);
    return;
  }
  const data = await file.arrayBuffer().catch(() => null);
  if (turn !== turns[role]) return; // another one was given meanwhile
  if (!data) {
    problem($("problem"), `${file.name} cannot be read: a folder, or a file that is no longer there?`);
    return;
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    files[role] = { name: file.name.replace(/[/\\\u0000-\u001f]/g, "_").slice(-200), text };
  } catch {
    problem($("problem"), `${file.name} is not UTF-8 text. A scan or a PDF cannot be read here.`);
    return;
  }
  $(`${role}-name`).textContent = dropped ? file.name : ""; // a chosen one is shown by its field
  if (role === "sheet") $("mark").disabled = false;
  report(true);
}

const asked = () => ({ document: files.homework, sheet: files.sheet, mark: $("mark").checked });

const report = latest(async (signal) => {
  if (!files.homework) return;
  $("status").textContent = "Reading and judging …";
  problem($("problem"), "");
  $("report").setAttribute("aria-busy", "true");
  const question = asked();
  try {
    answer = { ...await ask("document", question, signal), question };
    $("report").innerHTML = answer.html; // made and escaped by the server
    reachable($("report"));
    $("status").textContent = "The report is below.";
  } catch (error) {
    if (error.name === "AbortError") throw error;
    answer = null;
    $("report").replaceChildren();
    $("status").textContent = "";
    problem($("problem"), error.message);
  }
  $("actions").hidden = !answer;
  $("report").removeAttribute("aria-busy");
});

for (const role of ["homework", "sheet"]) {
  const input = $(`${role}-file`);
  input.addEventListener("change", () => take(role, input.files[0]));
  const drop = input.closest(".drop");
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(role, event.dataTransfer.files[0], true);
  });
}
// A file that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

$("mark").addEventListener("change", () => report(true));
const name = ({ document }) => `${document.name.replace(/\.\w+$/, "")}-report`;
$("markdown").addEventListener("click", () => saveMarkdown(name(answer.question), answer.markdown));
$("html").addEventListener("click", async () => {
  const { question } = answer;
  try {
    saveHtml(name(question), (await ask("document", { ...question, page: true })).html);
  } catch (error) {
    problem($("problem"), error.message);
  }
});
