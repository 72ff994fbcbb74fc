// Before anything is painted: light or dark as the address or the reader said, else as the system.
(() => {
  let asked = new URLSearchParams(location.search).get("theme");
  try {
    asked ??= localStorage.getItem("theme");
  } catch { /* the reader lets pages keep nothing */ }
  if (asked === "light" || asked === "dark") document.documentElement.dataset.theme = asked;
})();
