"use strict";
// A click on a header sorts the rows by that column; a second one reverses them.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}

function sort(table, heads, column) {
  const descending = heads[column].getAttribute("aria-sort") === "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const order = (row) => row.cells[column].dataset.order;
  const rows = [...body.rows].sort((a, b) => compare(order(a), order(b), descending));
  body.append(...rows);
}

// Numbers, then text; what is missing comes last in both directions.
function compare(a, b, descending) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const [x, y] = [Number(a), Number(b)];
  const [p, q] = [Number.isNaN(x), Number.isNaN(y)];
  const found =
    p || q ? p - q || a.localeCompare(b, "en", { numeric: true }) : x - y;
  return descending ? -found : found;
}
