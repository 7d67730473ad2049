// Opens the menu on wide screens. Loaded right after the menu, so that it is never drawn closed there.
(function () {
  "use strict";
  document.getElementById("rs-side").open = window.matchMedia("(min-width: 64rem)").matches;
})();
