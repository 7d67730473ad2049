// Dark or light theme: the admin's own setting (localStorage "adminTheme"), else the browser's preference.
(function () {
  "use strict";
  var KEY = "adminTheme", ORDER = ["auto", "light", "dark"];

  function chosen() {
    try {
      var stored = JSON.parse(localStorage.getItem(KEY));
      return ORDER.indexOf(stored) < 0 ? "auto" : stored;
    } catch (error) {
      return "auto";
    }
  }

  function show(theme) {
    document.documentElement.classList.toggle("dark", theme === "dark");
    document.documentElement.classList.toggle("light", theme === "light");
    var name = document.getElementById("rs-theme-name");
    if (name) name.textContent = "Theme: " + theme;
  }

  show(chosen());
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("rs-theme");
    if (!button) return;
    button.hidden = false;
    show(chosen());
    button.addEventListener("click", function () {
      var next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
      localStorage.setItem(KEY, JSON.stringify(next));
      show(next);
    });
  });
})();
