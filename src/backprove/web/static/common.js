// What all pages share: asking the server, the state in the address, downloads, and the theme.

/** Ask the API; throws an Error whose message is meant for people. */
export async function ask(task, payload, signal) {
  const answer = await fetch(`/api/${task}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(payload),
    signal,
  }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  });
  const data = await answer.json().catch(() => ({ detail: "The answer could not be read." }));
  if (!answer.ok) throw new Error(data.detail);
  return data;
}

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

/** The state in the address: behind the #, so that it is never sent to a server. */
export function stored() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

export function store(state) {
  const entries = Object.entries(state).filter(([, value]) => value !== "" && value != null);
  history.replaceState(null, "", `#${new URLSearchParams(entries)}`);
}

/** Call `apply` when the address is changed by hand, or by going back. */
export function onAddress(apply) {
  addEventListener("hashchange", () => apply(stored()));
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
  button.addEventListener("click", async () => {
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      done = "Copy it from the address bar";
    }
    button.textContent = done;
    setTimeout(() => { button.textContent = before; }, 1600);
  });
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
      pane.names = answer;
      pane.onnames?.(answer);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      problem($("model-problem"), error.message);
    }
  });
  const pane = {
    names: null,
    get text() { return area.value; },
    set text(value) { area.value = value; read(true); },
  };
  area.addEventListener("input", () => { $("shipped").value = ""; read(); changed(); });
  $("shipped").addEventListener("change", async (event) => {
    const name = event.target.value;
    if (!name) return;
    const answer = await fetch(`/api/models/${encodeURIComponent(name)}`).then((found) => found.json());
    pane.text = answer.text;
    changed(name);
  });
  return pane;
}

// On phones the model as it is read would push all else away.
if (matchMedia("(max-width: 50rem)").matches) $("read")?.removeAttribute("open");

$("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
});
