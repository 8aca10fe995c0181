"use strict";
// Loaded before the body, so that the chosen theme is there at the first paint.
(() => {
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const theme = stored();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  const byId = (id) => document.getElementById(id);
  const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";
  let chart = null;

  function isLight() {
    return root.dataset.theme ? root.dataset.theme === "light" : matchMedia("(prefers-color-scheme: light)").matches;
  }

  function switchTheme() {
    root.dataset.theme = isLight() ? "dark" : "light";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private mode: it lasts for this page */ }
    chart?.paint();
  }

  function colour(name) { return getComputedStyle(root).getPropertyValue(`--${name}`).trim(); }

  // --- chart ---------------------------------------------------------------------------------------------------
  function makeChart(box) {
    const L = window.LightweightCharts;
    const made = L.createChart(box, {
      autoSize: true,
      layout: { background: { color: "transparent" }, attributionLogo: false, fontSize: 11, fontFamily: "Inter, sans-serif" },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.06 } },
      timeScale: { borderVisible: false, minBarSpacing: 0.001, enableConflation: true, fixLeftEdge: true, fixRightEdge: true },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    });
    const equity = made.addSeries(L.AreaSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: { type: "custom", minMove: 0.01, formatter: (v) => Math.round(v).toLocaleString("en-US") } });
    const down = made.addSeries(L.AreaSeries, { lineWidth: 1, invertFilledArea: true, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", minMove: 0.0001, formatter: (v) => `${(v * 100).toFixed(1)}%` } }, 1);
    const markers = L.createSeriesMarkers(equity, []);
    made.panes()[1]?.setStretchFactor(0.28);
    made.panes()[0]?.setStretchFactor(1);
    let points = [], fills = [], days = 365;

    function paint() {
      const muted = colour("muted"), line = colour("line"), accent = colour("accent"), bad = colour("bad");
      made.applyOptions({
        layout: { textColor: muted, panes: { separatorColor: line, separatorHoverColor: line, enableResize: false } },
        grid: { vertLines: { visible: false }, horzLines: { color: line } },
        crosshair: { vertLine: { color: muted, labelBackgroundColor: colour("raised-strong") }, horzLine: { color: muted, labelBackgroundColor: colour("raised-strong") } },
      });
      equity.applyOptions({ lineColor: accent, topColor: `${accent}40`, bottomColor: `${accent}05` });
      down.applyOptions({ lineColor: bad, topColor: `${bad}08`, bottomColor: `${bad}38` });
      mark();
    }

    function mark() {
      const range = made.timeScale().getVisibleRange();
      const seen = range ? fills.filter((f) => f[0] >= range.from && f[0] <= range.to) : [];
      const note = byId("legend-note");
      const room = Math.max(12, Math.round(box.clientWidth / 12));
      if (note) note.textContent = seen.length > room ? `· ${seen.length} fills here, zoom in to see them` : `· ${seen.length} fills here`;
      const shown = seen.length > room ? [] : seen;
      markers.setMarkers(shown.map(([time, side, text]) => ({
        time, position: side === "B" ? "belowBar" : "aboveBar", shape: side === "B" ? "arrowUp" : "arrowDown",
        color: side === "B" ? colour("ok") : colour("warn"), size: 0.7, text: shown.length <= room / 7 ? `${side} ${text}` : side,
      })));
    }

    function show(wanted) {
      days = wanted;
      if (!points.length) return;
      const last = points[points.length - 1][0];
      const from = Math.max(points[0][0], last - days * 86400);
      if (days && from > points[0][0]) made.timeScale().setVisibleRange({ from, to: last });
      else made.timeScale().fitContent();
    }

    async function load() {
      const answer = await fetch(box.dataset.src, { headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const data = await answer.json();
      const extends_ = points.length && data.points.length >= points.length && data.points[0]?.[0] === points[0][0]
        && data.points[points.length - 1][0] === points[points.length - 1][0];
      const from = extends_ ? points.length - 1 : 0;
      const fresh = data.points.slice(from);
      points = data.points;
      fills = data.fills;
      if (extends_) {
        for (const [time, value, share] of fresh) { equity.update({ time, value }); down.update({ time, value: -share }); }
      } else {
        equity.setData(points.map(([time, value]) => ({ time, value })));
        down.setData(points.map(([time, , share]) => ({ time, value: -share })));
      }
      box.closest(".card")?.classList.toggle("is-empty", !points.length);
      box.dataset.points = points.length;
      show(days);
      mark();
    }

    made.timeScale().subscribeVisibleTimeRangeChange(() => requestAnimationFrame(mark));
    paint();
    return { paint, load, show };
  }

  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

  const library = (src) => new Promise((done, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src, onload: done, onerror: () => failed(new Error(`${src} did not load`)) });
    document.head.append(script);
  });

  // --- live ----------------------------------------------------------------------------------------------------
  let source = null, loading = false, again = false;

  function say(word, state) {
    const live = byId("live");
    if (!live) return;
    live.dataset.state = state;
    byId("live-word").textContent = word;
  }

  async function reload() {
    if (!chart) return;
    if (loading) { again = true; return; }
    loading = true;
    try { await chart.load(); } catch { /* the stream says that we are offline */ }
    loading = false;
    if (again) { again = false; setTimeout(reload, 500); }
  }

  const TYPED = "input:not([type=hidden]), select, textarea";

  // What somebody typed or opened stays: only what the desk says is replaced.
  function fill(box, html) {
    const open = [...box.querySelectorAll("details[open][data-key]")].map((d) => d.dataset.key);
    const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    box.innerHTML = html;
    for (const key of open) box.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
    if (focused) box.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  const isTyping = (box) => [...box.querySelectorAll(TYPED)].some((field) =>
    field === document.activeElement || (field.tagName === "INPUT" && field.value !== field.defaultValue));

  function swap({ name, digest, html }) {
    for (const box of document.querySelectorAll(`[data-fragment="${name}"]`)) {
      if (box.dataset.digest === digest) continue;
      fill(box, html);
      seen.set(box, box.innerHTML);
      box.dataset.digest = digest;
      if (name === "equity") reload();
    }
  }

  // Pages without fragments of their own on the stream are asked for again when the ledger grew.
  const OFTEN_MS = 500, SELDOM_MS = 30000;
  let fetching = false, stale = false;

  async function renew() {
    if (document.hidden) return;
    if (fetching) { stale = true; return; }
    fetching = true;
    stale = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/login") location.assign("/login");
      else if (answer.ok) merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the stream says that we are offline */ }
    setTimeout(() => { fetching = false; if (stale) renew(); }, OFTEN_MS);
  }

  // --- logs ----------------------------------------------------------------------------------------------------
  // What a script prints is no event: while it runs, the end of its log is asked for, from where we are.
  const MOST_SHOWN = 512 * 1024;
  const atEnd = (log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  const tailOf = (box) => box.querySelector("[data-tail]")?.dataset.tail;
  const growsOn = (box, found) => tailOf(box) !== undefined && tailOf(box) === tailOf(found);

  let growing = false;
  async function grow() {
    const log = document.querySelector("[data-tail]");
    if (!log || growing || document.hidden || log.dataset.held) return;
    growing = true;
    try {
      const answer = await fetch(`${log.dataset.tail}&after=${log.dataset.after}`);
      if (answer.ok) added(log, await answer.json());
    } catch { /* the stream says that we are offline */ }
    growing = false;
  }

  function added(log, { text, after, over }) {
    if (log.dataset.held) return;
    const more = after !== Number(log.dataset.after);
    if (text) {
      const follows = atEnd(log); // a growing log is followed, unless one reads further up
      log.append(text);
      log.normalize();
      const shown = log.firstChild;
      if (shown.length > MOST_SHOWN) shown.deleteData(0, shown.length - MOST_SHOWN);
      if (follows) log.scrollTop = log.scrollHeight;
    }
    log.dataset.after = after;
    if (over && !more) { delete log.dataset.tail; renew(); }
  }

  function hold(button) {
    const log = document.querySelector("[data-tail]");
    const held = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(held));
    button.textContent = held ? "Go on" : "Pause";
    if (!log) return;
    if (held) log.dataset.held = "1"; else { delete log.dataset.held; log.scrollTop = log.scrollHeight; grow(); }
  }

  const seen = new Map();
  function merge(fresh) {
    for (const box of document.querySelectorAll("[data-fragment]")) {
      const name = box.dataset.fragment;
      const found = fresh.querySelector(`[data-fragment="${name}"]`);
      if (!found || isTyping(box) || growsOn(box, found)) continue;
      const html = found.innerHTML;
      if (seen.get(box) === html) continue;
      seen.set(box, html);
      const before = box.querySelector(".log");
      const follows = !before || atEnd(before), top = before?.scrollTop ?? 0;
      fill(box, html);
      const log = box.querySelector(".log");
      if (log) log.scrollTop = follows ? log.scrollHeight : top;
      if (found.dataset.digest) box.dataset.digest = found.dataset.digest;
    }
    document.title = fresh.title;
    document.body.dataset.events = fresh.body.dataset.events;
    if (document.body.dataset.live === "overview") return;
    // A part that came or went changes the page as a whole; nobody is in the middle of a word.
    const names = (doc) => [...doc.querySelectorAll("main [data-fragment]")].map((b) => b.dataset.fragment).join();
    if (names(fresh) !== names(document) && !isTyping(document.body)) location.reload();
  }

  function remember() {
    for (const box of document.querySelectorAll("[data-fragment]")) seen.set(box, box.innerHTML);
  }

  function follow() {
    if (source || document.hidden) return;
    const overview = document.body.dataset.live === "overview";
    const own = source = new EventSource(overview ? "/events" : "/events?only=pulse");
    own.onopen = () => say("live", "ok");
    own.addEventListener("fragment", (event) => {
      const said = JSON.parse(event.data);
      if (overview) swap(said);
      else if (Number(said.html) > Number(document.body.dataset.events)) renew();
    });
    own.onerror = () => {
      say("reconnecting", "bad");
      if (own.readyState !== EventSource.CLOSED) return;
      source = null;
      fetch("/events", { method: "HEAD" }).then((a) => { if (a.status === 401) location.assign("/login"); }).catch(() => {});
      setTimeout(follow, 3000);
    };
  }
  function pause() {
    source?.close();
    source = null;
    say("paused", "idle");
  }

  // --- keys and buttons ------------------------------------------------------------------------------------------
  function toggle(id) { const box = byId(id); if (box) box.open ? box.close() : box.showModal(); }
  const help = () => toggle("help");
  function halt() {
    toggle("halt");
    if (byId("halt")?.open) byId("halt").querySelector("[data-focus]")?.focus();
  }

  async function logout() {
    await fetch("/logout", { method: "POST", headers: { "x-csrf-token": csrf() } });
    location.assign("/login");
  }

  function step(by) {
    const rows = [...document.querySelectorAll("[data-row]")];
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
  }

  const PLACES = { o: "/", i: "/inbox", r: "/orders", s: "/signals", v: "/venues", a: "/automations", c: "/content", l: "/shared" };
  let before = "";
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const pressed = event.key.toLowerCase();
    if (pressed === "t") switchTheme();
    else if (pressed === "?") help();
    else if (pressed === "h") halt();
    else if (pressed === "j") step(1);
    else if (pressed === "k") step(-1);
    else if (before === "g" && PLACES[pressed]) location.assign(PLACES[pressed]);
    before = pressed;
  }

  function click(event) {
    const button = event.target.closest?.("[data-do], [data-range]");
    if (!button) return;
    if (button.dataset.range !== undefined) {
      for (const other of document.querySelectorAll("[data-range]")) other.setAttribute("aria-pressed", String(other === button));
      chart?.show(Number(button.dataset.range));
      return;
    }
    if (button.tagName === "A") event.preventDefault(); // without this script it leads to the page that does the same
    ({ theme: switchTheme, help, halt, logout, hold })[button.dataset.do]?.(button);
  }

  // What is selected in a draft is where the next remark points: `12:5-9` within a line, else `12-14`.
  function selected() {
    const box = document.querySelector("[data-draft]"), place = byId("place"), chosen = getSelection();
    if (!box || !place || !chosen.rangeCount || chosen.isCollapsed) return;
    const range = chosen.getRangeAt(0);
    if (!box.contains(range.startContainer) || !box.contains(range.endContainer)) return;
    const line = (node) => (node.nodeType === 1 ? node : node.parentElement).closest(".line")?.querySelector("[data-line]");
    const first = line(range.startContainer), last = line(range.endContainer);
    if (!first || !last) return;
    const plain = first === last && !first.querySelector(".hidden-char");
    const columns = plain && [[range.startContainer, range.startOffset], [range.endContainer, range.endOffset]].map(([node, at]) => column(first, node, at));
    place.value = columns && columns[0] < columns[1] ? `${first.dataset.line}:${columns[0] + 1}-${columns[1]}`
      : first === last ? first.dataset.line : `${first.dataset.line}-${last.dataset.line}`;
  }

  // The labels of marks stand in the line, but not in the file.
  function column(line, node, at) {
    const before = document.createRange();
    before.setStart(line, 0);
    before.setEnd(node, at);
    const copy = before.cloneContents();
    for (const tag of copy.querySelectorAll(".mark-tag")) tag.remove();
    return [...copy.textContent].length;
  }

  // A form is sent once: a second press while the first is on its way would ask for the same again.
  function send(event) {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    event.submitter?.setAttribute("aria-busy", "true");
  }

  function shown(event) {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    renew();
  }

  document.addEventListener("DOMContentLoaded", async () => {
    document.addEventListener("keydown", key);
    document.addEventListener("click", click);
    document.addEventListener("submit", send);
    document.addEventListener("selectionchange", selected);
    addEventListener("pageshow", shown);
    if (byId("live")) {
      remember();
      for (const log of document.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;
      follow();
      setInterval(grow, 2 * OFTEN_MS);
      setInterval(renew, SELDOM_MS); // time left and "ago" move on without an event
      document.addEventListener("visibilitychange", () => (document.hidden ? pause() : follow()));
    }
    const box = byId("chart");
    if (box) {
      await painted(); // the words first: the chart library takes longer than everything else together
      await library(box.dataset.library);
      chart = makeChart(box);
      matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => chart.paint());
      await reload();
    }
    await painted();
    root.dataset.drawn = "";
  });
})();
