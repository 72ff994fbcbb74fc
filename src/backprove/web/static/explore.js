// The page to play with: five panels, one of them shown; its state is the address.
import { $, copies, escaped, onAddress, problem, saveHtml, saveMarkdown, standalone, store, stored } from "./common.js";
import * as boxes from "./boxes.js";
import * as convolution from "./convolution.js";
import * as loss from "./loss.js";
import * as ranking from "./ranking.js";
import * as time from "./time.js";

const PANELS = { boxes, ranking, convolution, loss, time };
const started = new Set();
const tab = () => document.querySelector("input[name=tab]:checked").value;

const page = {
  /** The answer that was asked for, or null with the reason on the page. */
  async told(asking) {
    try {
      const answer = await asking;
      problem($("problem"), "");
      return answer;
    } catch (error) {
      if (error.name !== "AbortError") problem($("problem"), error.message);
      return null;
    }
  },
  changed() { store({ tab: tab(), ...PANELS[tab()].state() }); },
};

function open(given) {
  const name = tab();
  for (const key of Object.keys(PANELS)) $(key).hidden = key !== name;
  problem($("problem"), "");
  if (!started.has(name)) PANELS[name].start(page);
  started.add(name);
  PANELS[name].apply(given);
}

for (const input of document.querySelectorAll("input[name=tab]")) {
  input.addEventListener("change", () => { open(started.has(input.value) ? PANELS[input.value].state() : {}); page.changed(); });
}
copies($("link"), () => { page.changed(); return location.href; });
const title = () => $(`${tab()}-title`).textContent;
$("markdown").addEventListener("click", () => saveMarkdown(tab(), `# ${title()}\n\n${PANELS[tab()].markdown()}\n`));
$("html").addEventListener("click", () => saveHtml(tab(), standalone(title(), `${PANELS[tab()].picture()}\n<pre>${escaped(PANELS[tab()].markdown())}</pre>`)));

function apply(given) {
  const input = document.querySelector(`input[name=tab][value="${CSS.escape(given.tab ?? "boxes")}"]`);
  if (input) input.checked = true;
  open(given);
}
onAddress(apply);
apply(stored());
