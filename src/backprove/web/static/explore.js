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

const changed = () => store({ tab: tab(), ...PANELS[tab()].state() });
/** What a panel knows of the page. A panel that is no longer shown has nothing to say. */
const pageOf = (name) => ({
  /** The answer that was asked for, or null with the reason on the page. */
  async told(asking) {
    try {
      const answer = await asking;
      if (name === tab()) problem($("problem"), "");
      return answer;
    } catch (error) {
      if (error.name !== "AbortError" && name === tab()) problem($("problem"), error.message);
      return null;
    }
  },
  changed() { if (name === tab()) changed(); },
});

function open(given) {
  const name = tab();
  for (const key of Object.keys(PANELS)) $(key).hidden = key !== name;
  problem($("problem"), "");
  if (!started.has(name)) PANELS[name].start(pageOf(name));
  started.add(name);
  PANELS[name].apply(given);
}

for (const input of document.querySelectorAll("input[name=tab]")) {
  input.addEventListener("change", () => { open(started.has(input.value) ? PANELS[input.value].state() : {}); changed(); });
}
copies($("link"), changed);
const title = () => $(`${tab()}-title`).textContent;
/** What the panel says, once it has been answered. */
function said() {
  const text = PANELS[tab()].markdown();
  if (text == null) problem($("problem"), "There is nothing to keep yet.");
  return text;
}
$("markdown").addEventListener("click", () => {
  const text = said();
  if (text != null) saveMarkdown(tab(), `# ${title()}\n\n${text}\n`);
});
$("html").addEventListener("click", () => {
  const text = said();
  if (text != null) saveHtml(tab(), standalone(title(), `${PANELS[tab()].picture()}\n<pre>${escaped(text)}</pre>`));
});

function apply(given) {
  const input = document.querySelector(`input[name=tab][value="${CSS.escape(given.tab ?? "boxes")}"]`);
  if (input) input.checked = true;
  open(given);
}
onAddress(apply);
apply(stored());
