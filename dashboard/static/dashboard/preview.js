// Shows the answer anew whenever the configuration changes; without this script the Preview button does it.
(function () {
  "use strict";
  var form = document.getElementById("configuration"), timer = null, latest = 0;
  var WAIT = 400; // milliseconds without a key pressed

  function put(page, id) {
    var here = document.getElementById(id), there = page.getElementById(id);
    if (here && there && here.innerHTML !== there.innerHTML) here.replaceChildren.apply(here, there.childNodes);
  }

  function take(text) {
    var page = new DOMParser().parseFromString(text, "text/html");
    put(page, "preview");
    form.querySelectorAll(".rs-field-error").forEach(function (each) {
      put(page, each.id);
      var isWrong = each.textContent.trim() !== "", field = each.closest(".rs-field");
      field.classList.toggle("rs-wrong", isWrong);
      field.querySelector("input, select, textarea").setAttribute("aria-invalid", String(isWrong));
    });
  }

  function ask() {
    var mine = ++latest, body = new FormData(form);
    body.append("preview", "1");
    fetch(form.action, { method: "POST", body: body, credentials: "same-origin", redirect: "error" })
      .then(function (answer) {
        if (!answer.ok) throw new Error(answer.status);
        return answer.text();
      })
      .then(function (text) {
        if (mine === latest) take(text);
      })
      .catch(function () {}); // the button is still there
  }

  form.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
})();
