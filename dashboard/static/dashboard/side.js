// The menu is open where there is room for it beside the page; stands behind it, so that it is never seen closed there.
(function () {
  "use strict";
  document.getElementById("rs-side").open = window.matchMedia("(min-width: 64rem)").matches;
})();
