// What all pages share: asking the server, the state in the address, downloads, and the theme.

/** Ask the API; throws an Error whose message is meant for people, or the AbortError of `signal`. */
export async function ask(task, payload, signal) {
  const sent = payload && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(payload) };
  const answer = await fetch(`/api/${task}`, { ...sent, signal }).catch(instead("The server does not answer. Is it still running?"));
  // a request may be abandoned while its answer is being read, too
  const data = await answer.json().catch(instead("The answer could not be read."));
  if (!answer.ok) throw new Error(data.detail);
  return data;
}
const instead = (message) => (error) => { throw error.name === "AbortError" ? error : new Error(message); };

/** A function that runs `work(signal)` a little later; a newer call cancels an older one. */
export function latest(work, pause = 150) {
  let timer = 0;
  let running = null;
  return (now = false) => {
    clearTimeout(timer);
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    timer = setTimeout(
      () => work(signal).catch((error) => {
        if (error.name !== "AbortError") throw error;
      }),
      now === true ? 0 : pause,
    );
  };
}

/**
 * As `latest`, but it also runs while one drags or holds a key down, as often as `pause` lets it: less
 * often than the server asks its clients to.
 */
export function steady(work, pause = 60) {
  const run = latest(work);
  let timer = 0;
  const go = () => { timer = 0; run(true); };
  return (now = false) => {
    if (now === true) {
      clearTimeout(timer);
      go();
    } else timer ||= setTimeout(go, pause);
  };
}

/** The state in the address: behind the #, so that it is never sent to a server. */
export function stored() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

let spare = 30; // changes of the address that are left, of which two come back each second
let since = 0;
let waiting = 0;
/**
 * Put the state into the address, and give the whole address. Browsers refuse when it is changed too
 * often (Safari: 100 times in 30 seconds), as while one drags: then it follows a little later.
 */
export function store(state) {
  const entries = Object.entries(state).filter(([, value]) => value != null);
  const address = new URL(`#${new URLSearchParams(entries)}`, location.href).href;
  const now = performance.now();
  spare = Math.min(spare + (now - since) / 500, 30);
  since = now;
  clearTimeout(waiting);
  const write = () => { spare -= 1; history.replaceState(null, "", address); };
  if (spare >= 1) write();
  else waiting = setTimeout(write, 500);
  return address;
}

/** Call `apply` when the address is changed by hand, or by going back. */
export function onAddress(apply) {
  addEventListener("hashchange", () => { clearTimeout(waiting); apply(stored()); });
}

export const $ = (id) => document.getElementById(id);

/** An element with attributes and children; text is text, never HTML. */
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value != null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export function download(name, text, kind) {
  const url = URL.createObjectURL(new Blob([text], { type: kind }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export const saveMarkdown = (name, text) => download(`${name}.md`, text, "text/markdown");
export const saveHtml = (name, text) => download(`${name}.html`, text, "text/html");

export const escaped = (text) =>
  text.replace(/[&<>"']/g, (c) => `&#${c.codePointAt(0)};`);

/** A page that stands alone: `body` is HTML from the server, or escaped. */
export function standalone(title, body) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>:root{color-scheme:light dark}body{max-width:54rem;margin:2rem auto;padding:0 1rem;font:1rem/1.55 system-ui,sans-serif}
pre{overflow-x:auto;white-space:pre-wrap}math{font-size:1.1em}svg text{fill:currentColor}path{fill:none;stroke:currentColor}rect{fill:none;stroke:currentColor}</style></head>
<body><h1>${escaped(title)}</h1>
${body}
</body></html>
`;
}

/** A button that copies what `text()` gives, and says so. */
export function copies(button, text) {
  const before = button.textContent;
  let timer = 0;
  button.addEventListener("click", async () => {
    const copied = text();
    const done = await navigator.clipboard?.writeText(copied).then(() => true, () => false);
    button.textContent = done || selected(copied) ? "Copied" : "It could not be copied";
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = before; }, 1600);
  });
}

/** Copy as browsers did before: over a network without encryption there is no other way. */
function selected(text) {
  const focused = document.activeElement;
  const area = make("textarea", { class: "visually-hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}

/** What is too wide for its place and scrolls can be reached by keyboard. */
export function reachable(root) {
  for (const box of root.querySelectorAll(".claim, .corrected, .derived, .typeset, .working, dd, pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

export function problem(element, text) {
  element.hidden = !text;
  element.textContent = text ?? "";
}

/** The model's pane: its text, the menu of shipped models, and how it is read. */
export function modelPane(changed) {
  const area = $("model");
  const read = latest(async (signal) => {
    if (!area.value.trim()) {
      problem($("model-problem"), "");
      $("model-read").replaceChildren();
      return;
    }
    try {
      const answer = await ask("model", { model: area.value }, signal);
      problem($("model-problem"), "");
      $("model-read").innerHTML = answer.html; // typeset and escaped by the server
      reachable($("read"));
      pane.onnames?.(answer);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      problem($("model-problem"), error.message);
    }
  });
  const take = latest(async (signal) => {
    const name = $("shipped").value;
    if (!name) return;
    try {
      area.value = (await ask(`models/${encodeURIComponent(name)}`, null, signal)).text;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      problem($("model-problem"), error.message);
      return;
    }
    read(true);
    changed(name);
  });
  /** What is written or shared is nobody's model, and none that is on its way replaces it. */
  const own = () => { $("shipped").value = ""; take(true); };
  const pane = {
    get text() { return area.value; },
    set text(value) { own(); area.value = value; read(true); },
  };
  area.addEventListener("input", () => { own(); read(); changed(); });
  $("shipped").addEventListener("change", () => take(true));
  return pane;
}

// On phones the model as it is read would push all else away.
if (matchMedia("(max-width: 50rem)").matches) $("read")?.removeAttribute("open");

$("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch { /* where nothing may be kept, it holds for this page */ }
});
