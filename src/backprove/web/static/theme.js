// Before anything is painted: light or dark as the address or the reader said, else as the system.
(() => {
  const asked = new URLSearchParams(location.search).get("theme") ?? localStorage.getItem("theme");
  if (asked === "light" || asked === "dark") document.documentElement.dataset.theme = asked;
})();
