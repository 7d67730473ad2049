// Makes the theme's clickable elements that are not buttons (a and span with x-on:click) usable by keyboard.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("a:not([href]), span, h2, td, div").forEach(function (each) {
      if (!each.hasAttribute("x-on:click") || each.hasAttribute("tabindex")) return;
      each.setAttribute("tabindex", "0");
      each.setAttribute("role", "button");
      var icon = each.textContent.trim();
      if (icon === "dock_to_right") each.setAttribute("aria-label", "Show or hide the menu");
      if (icon === "close") each.setAttribute("aria-label", "Hide the menu");
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" && event.key !== " ") return;
    if (event.target.getAttribute("role") !== "button" || event.target.tagName === "BUTTON") return;
    event.preventDefault();
    event.target.click();
  });
})();
