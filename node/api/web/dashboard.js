"use strict";

// The owner key lives in this tab's session storage and in the Authorization header, never in an address.
const KEY = "islandrun-owner-key";
const REFRESH_MS = 5000;
const RECENT = 20;

const element = (id) => document.getElementById(id);
let timer = null;

async function ask(path) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
  const response = await fetch(path, { headers, credentials: "omit", cache: "no-store" });
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    const error = new Error(body.error?.message ?? `status ${response.status}`);
    error.keyRefused = response.status === 401 || response.status === 403;
    throw error;
  }
  return response.json();
}

// Everything shown goes through textContent: names come from other devices.
function cell(value, className) {
  const td = document.createElement("td");
  td.textContent = text(value);
  if (className) td.className = className;
  return td;
}

function fill(id, rows, columns) {
  const lines = rows.map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  });
  if (!lines.length) {
    const none = cell("none yet", "empty");
    none.colSpan = columns;
    const tr = document.createElement("tr");
    tr.append(none);
    lines.push(tr);
  }
  element(id).replaceChildren(...lines);
}

function tierCell(tier) {
  return cell(tier, ["personal", "edge", "cloud"].includes(tier) ? tier : "");
}

function text(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(text).join(value.some((item) => item instanceof Object) ? "; " : ", ") || "–";
  if (typeof value === "object") return Object.entries(value).map(([k, v]) => `${k} ${text(v)}`).join(", ") || "–";
  return String(value);
}

function ago(seconds) {
  if (typeof seconds !== "number") return "never";
  if (seconds < 2) return "now";
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

function usd(nano) {
  return typeof nano === "number" ? (nano / 1e9).toFixed(6).replace(/\.?0+$/, "") : "–";
}

function showStatus(status) {
  const pairs = Object.entries(status).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = name.replaceAll("_", " ");
    description.textContent = text(value);
    return [term, description];
  });
  element("status").replaceChildren(...pairs);
}

function showIslands({ islands }) {
  fill("islands", islands.map((island) => [
    cell(island.this ? `${island.name} (this one)` : island.name),
    tierCell(island.tier),
    cell(island.person),
    cell(island.models),
    cell(island.load ? `${island.load.busy}/${island.load.slots}` : "–"),
    cell(island.up ? "now" : ago(island.last_seen_s)),
  ]), 6);
}

function showDecisions({ entries }) {
  fill("decisions", entries.map((entry) => [
    cell(typeof entry.at === "number" ? new Date(entry.at * 1000).toLocaleString() : "–"),
    cell(entry.model),
    cell(entry.island),
    tierCell(entry.tier),
    cell(entry.sensitivity),
    cell(entry.sanitized),
    cell(entry.outcome),
    cell(usd(entry.cost_nano_usd)),
  ]), 8);
}

function say(message, failed) {
  element("connection").textContent = message;
  element("connection").classList.toggle("failed", Boolean(failed));
}

function lock(message) {
  clearTimeout(timer);
  sessionStorage.removeItem(KEY);
  element("data").hidden = true;
  element("forget").hidden = true;
  element("unlock").hidden = false;
  say(message ?? "", Boolean(message));
}

async function refresh() {
  clearTimeout(timer);
  try {
    const [status, islands, ledger] = await Promise.all([
      ask("/api/status"), ask("/api/islands"), ask(`/api/ledger?limit=${RECENT}`),
    ]);
    showStatus(status);
    showIslands(islands);
    showDecisions(ledger);
    element("unlock").hidden = true;
    element("data").hidden = false;
    element("forget").hidden = false;
    say(`read at ${new Date().toLocaleTimeString()}`);
  } catch (error) {
    if (error.keyRefused) return lock(error.message);
    say(`the node does not answer: ${error.message}`, true);
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

element("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, element("key").value.trim());
  element("key").value = "";
  refresh();
});
element("forget").addEventListener("click", () => lock());
if (sessionStorage.getItem(KEY)) refresh();
