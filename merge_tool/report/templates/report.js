// Narrows the table of files by a text and a verdict. Without JavaScript the whole table stays.
for (const box of document.querySelectorAll("[data-filter]")) {
  const rows = [...document.querySelectorAll(`#${box.dataset.filter} tbody tr`)];
  const text = box.querySelector("input");
  const kind = box.querySelector("select");
  const told = box.querySelector("output");
  const narrow = () => {
    const wanted = text.value.toLocaleLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = (!kind.value || row.dataset.kind === kind.value) && row.textContent.toLocaleLowerCase().includes(wanted);
      row.hidden = !fits;
      shown += fits;
    }
    told.textContent = `${shown} of ${rows.length}`;
  };
  box.hidden = false;
  text.addEventListener("input", narrow);
  kind.addEventListener("change", narrow);
  narrow();
}
