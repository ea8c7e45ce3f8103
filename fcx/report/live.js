// The page of a run that goes on: taken anew when there is news, with what the reader has opened.
(function follow() {
  let known = document.documentElement.dataset.version;
  const opened = () => [...document.querySelectorAll("details[open]")].map((one) => one.id);
  async function look() {
    let next = 2000;
    try {
      const version = await (await fetch("version", { cache: "no-store" })).text();
      document.documentElement.classList.remove("lost");
      if (version !== known && !getSelection().toString()) {
        const text = await (await fetch("./", { cache: "no-store" })).text();
        const page = new DOMParser().parseFromString(text, "text/html"), open = opened();
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.title = page.title;
        for (const id of open) { const one = id && document.getElementById(id); if (one) one.open = true; }
        known = version; enliven();
      }
      if (version.startsWith("over")) return;
    } catch (error) { next = 10000; document.documentElement.classList.add("lost"); }
    setTimeout(look, next);
  }
  setTimeout(look, 2000);
})();
