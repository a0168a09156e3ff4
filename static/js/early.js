// Runs before the page is painted (a classic script): the chosen colours, and the mark that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset["theme"] = theme;
  } catch {
    // storage is switched off: the system's choice stands
  }
})();
