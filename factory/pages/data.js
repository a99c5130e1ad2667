// Searches the rows that the page carries. Everything of a row is written as text, never as HTML.
const FATE = 0, FAMILY = 1, PROMPT = 2, ANSWER = 3, LABELS = 4, SCREEN = 10;
const place = (id) => document.getElementById(id);
let rows = [], texts = [], found = [], first = 0;

async function unpack() {
  const bytes = Uint8Array.from(atob(place("rows").textContent.trim()), (letter) => letter.charCodeAt(0));
  rows = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  texts = rows.map((row) => row.join("\n").toLowerCase());
  offer("fate", FATE);
  offer("family", FAMILY);
  for (const id of ["words", "fate", "family"]) place(id).addEventListener("input", look);
  place("before").addEventListener("click", () => turn(-SCREEN));
  place("after").addEventListener("click", () => turn(SCREEN));
  look();
}

function offer(id, column) {
  const counts = new Map();
  for (const row of rows) counts.set(row[column], (counts.get(row[column]) || 0) + 1);
  for (const [value, count] of [...counts].sort((one, two) => one[0].localeCompare(two[0]))) {
    place(id).append(new Option(`${value} (${count.toLocaleString("en")})`, value));
  }
}

function look() {
  const words = place("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fate = place("fate").value, family = place("family").value;
  found = [];
  rows.forEach((row, at) => {
    if (fate && row[FATE] !== fate || family && row[FAMILY] !== family) return;
    if (words.every((word) => texts[at].includes(word))) found.push(at);
  });
  first = 0;
  show(words);
}

function turn(by) {
  first = Math.max(0, Math.min(first + by, Math.floor((found.length - 1) / SCREEN) * SCREEN));
  show(place("words").value.toLowerCase().split(/\s+/).filter(Boolean));
  place("search").scrollIntoView();
}

function show(words) {
  const last = Math.min(first + SCREEN, found.length), number = (n) => n.toLocaleString("en");
  place("count").textContent = found.length ? `${number(first + 1)} to ${number(last)} of ${number(found.length)} rows` : "no row has all of that";
  place("before").disabled = first === 0;
  place("after").disabled = last === found.length;
  place("found").replaceChildren(...found.slice(first, last).map((at) => article(rows[at], words)));
}

function article(row, words) {
  const whole = document.createElement("article"), head = document.createElement("h3");
  head.append(row[FAMILY], " ", element("span", row[FATE].startsWith("dropped") ? "wrong" : "right", row[FATE]));
  whole.append(head, element("p", "soft", row[LABELS]), element("p", "named", "Prompt"), marked(row[PROMPT], words),
    element("p", "named", "Answer"), marked(row[ANSWER], words));
  return whole;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

function marked(text, words) {
  const box = element("div", "text", "");
  if (!words.length) { box.textContent = text; return box; }
  const pattern = new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    box.append(text.slice(at, match.index), element("mark", "", match[0]));
    at = match.index + match[0].length;
  }
  box.append(text.slice(at));
  return box;
}

unpack();
