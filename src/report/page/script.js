/* SPDX-License-Identifier: Apache-2.0 */
/* All of this is comfort: sorting, filtering, hints. The page says the same without it. */
"use strict";
(function () {
  var FILTER_FROM = 12;

  function make(name, parent, text) {
    var e = document.createElement(name);
    if (text) e.textContent = text;
    if (parent) parent.appendChild(e);
    return e;
  }

  /* Numbers by their value, the rest by its text; what is not known stands at the end. */
  function keyOf(row, column) {
    var cell = row.cells[column], v = cell.getAttribute("data-v");
    if (v !== null) return parseFloat(v);
    return cell.textContent === "\u2013" ? null : cell.textContent;
  }

  function sorted(rows, column, down) {
    var list = rows.map(function (row, i) { return { row: row, key: keyOf(row, column), i: i }; });
    list.sort(function (a, b) {
      if (a.key === null || b.key === null)
        return (a.key === null) - (b.key === null) || a.i - b.i;
      var d = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key
        : String(a.key).localeCompare(String(b.key), undefined, { numeric: true });
      return (down ? -d : d) || a.i - b.i;
    });
    return list.map(function (x) { return x.row; });
  }

  function sortable(table, rows) {
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.appendChild(button);
      button.addEventListener("click", function () {
        var was = head.getAttribute("aria-sort"), text = head.className === "t";
        var down = was ? was === "ascending" : !text;
        heads.forEach(function (h) { h.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        var body = document.createDocumentFragment();
        sorted(rows, column, down).forEach(function (row) { body.appendChild(row); });
        table.tBodies[0].appendChild(body);
      });
    });
  }

  function filterable(table, rows, box) {
    var tools = document.createElement("div"), label = make("label", tools, "Filter ");
    var input = make("input", label), count = make("span", tools);
    var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
    tools.className = "tools";
    input.type = "search";
    input.setAttribute("placeholder", "name, operator, ...");
    count.setAttribute("role", "status");
    function show() {
      var words = input.value.toLowerCase().split(/\s+/), n = 0;
      rows.forEach(function (row, i) {
        var fits = words.every(function (w) { return texts[i].indexOf(w) >= 0; });
        row.hidden = !fits;
        n += fits ? 1 : 0;
      });
      count.textContent = (n === rows.length ? "" : n + " of ") + rows.length + " rows";
    }
    input.addEventListener("input", show);
    show();
    box.parentNode.insertBefore(tools, box);
  }

  Array.prototype.forEach.call(document.querySelectorAll(".scroll > table"), function (table) {
    var rows = Array.prototype.slice.call(table.tBodies[0].rows);
    if (rows.length < 2) return;
    sortable(table, rows);
    if (rows.length >= FILTER_FROM) filterable(table, rows, table.parentNode);
  });

  /* Hints of the marks in figures: at once, and where they can be read. */
  var tip = make("div", document.body);
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  Array.prototype.forEach.call(document.querySelectorAll("svg title"), function (title) {
    var mark = title.parentNode, text = title.textContent;
    mark.setAttribute("data-tip", text);
    mark.setAttribute("aria-label", text);
    mark.removeChild(title);
  });
  document.addEventListener("mousemove", function (e) {
    var text = e.target.getAttribute && e.target.getAttribute("data-tip");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    var w = document.documentElement.clientWidth;
    tip.style.left = Math.max(8, Math.min(e.pageX + 14, w - tip.offsetWidth - 8)) + "px";
    tip.style.top = e.pageY + 16 + "px";
  });

  /* Where the reader is. */
  var links = document.querySelectorAll("nav a");
  if (!links.length || !("IntersectionObserver" in window)) return;
  var watch = new IntersectionObserver(function (seen) {
    seen.forEach(function (s) {
      if (!s.isIntersecting) return;
      Array.prototype.forEach.call(links, function (a) {
        a.classList.toggle("here", a.getAttribute("href") === "#" + s.target.id);
      });
    });
  }, { rootMargin: "-10% 0px -75% 0px" });
  Array.prototype.forEach.call(document.querySelectorAll("main section[id]"), function (s) {
    watch.observe(s);
  });
})();
