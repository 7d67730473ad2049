// Refreshes the preview after each change of the form; without this script the Preview button does it.
(function () {
  "use strict";
  var form = document.getElementById("configuration"), timer = null, latest = 0;
  var WAIT = 400; // milliseconds after the last change

  function replace(page, id) {
    var here = document.getElementById(id), there = page.getElementById(id);
    if (here && there && here.innerHTML !== there.innerHTML) here.replaceChildren.apply(here, there.childNodes);
  }

  function update(text) {
    var page = new DOMParser().parseFromString(text, "text/html");
    replace(page, "preview");
    form.querySelectorAll(".rs-field-error").forEach(function (each) {
      replace(page, each.id);
      var isWrong = each.textContent.trim() !== "", field = each.closest(".rs-field");
      field.classList.toggle("rs-wrong", isWrong);
      field.querySelector("input, select, textarea").setAttribute("aria-invalid", String(isWrong));
    });
  }

  function refresh() {
    var request = ++latest, body = new FormData(form);
    body.append("preview", "1");
    fetch(form.action, { method: "POST", body: body, credentials: "same-origin", redirect: "error" })
      .then(function (response) {
        if (!response.ok) throw new Error(response.status);
        return response.text();
      })
      .then(function (text) {
        if (request === latest) update(text);
      })
      .catch(function () {}); // the Preview button still works
  }

  form.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(refresh, WAIT);
  });
})();
