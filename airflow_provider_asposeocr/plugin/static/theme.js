// Takes the theme that is chosen in Airflow, which keeps it under this name.
"use strict";
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without a storage, the theme of the system stays.
}
