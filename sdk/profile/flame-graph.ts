import type { ProfiledPath, PluginProfile } from "./profile.ts";

const WIDTH = 1_200;
const ROW = 18;
/** Narrower frames are not drawn: they could not be read, and there may be ten thousand. */
const NARROWEST = 0.5;
const CHARACTER = 6.6;

interface Box {
  readonly path: ProfiledPath;
  readonly x: number;
  readonly width: number;
  readonly depth: number;
}

/**
 * A page that shows a profile as a flame graph: the call as a whole on top, below it what it called, as wide as its share of the fuel.
 * It needs nothing beside itself. A click on a frame makes it as wide as the page; one on the top one shows all again.
 *
 * @param title  plain text
 */
export function flameGraphPage(profile: PluginProfile, title: string): string {
  const boxes = [...boxesOf(profile.tree, 0, WIDTH, 0)];
  const height = (Math.max(...boxes.map(({ depth }) => depth)) + 1) * ROW;
  const total = Math.max(profile.tree.total, 1);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>
body { font: 14px system-ui, sans-serif; margin: 1rem; }
svg { width: 100%; height: ${height}px; font: 11px ui-monospace, monospace; }
rect { stroke: #fff; stroke-width: 0.5; cursor: pointer; }
text { pointer-events: none; }
</style>
<h1>${escaped(title)}</h1>
<p>${profile.fuel.toLocaleString("en-US")} units of fuel. Width is fuel; a click widens a frame.${profile.truncated ? " Paths are left out." : ""}</p>
<svg viewBox="0 0 ${WIDTH} ${height}" preserveAspectRatio="none">
${boxes.map((box) => frame(box, total)).join("\n")}
</svg>
<script>${ZOOM}</script>
</html>
`;
}

function* boxesOf(path: ProfiledPath, x: number, width: number, depth: number): Generator<Box> {
  if (width < NARROWEST) return;
  yield { path, x, width, depth };
  let at = x;
  for (const child of path.children) {
    const share = path.total === 0 ? 0 : (width * child.total) / path.total;
    yield* boxesOf(child, at, share, depth + 1);
    at += share;
  }
}

function frame({ path, x, width, depth }: Box, total: number): string {
  const share = ((100 * path.total) / total).toFixed(1);
  const told = `${path.name}: ${path.total.toLocaleString("en-US")} (${share} %), itself ${path.self.toLocaleString("en-US")}, ${path.calls.toLocaleString("en-US")} calls`;
  const room = Math.floor(width / CHARACTER) - 1;
  const label = room < 3 ? "" : path.name.length <= room ? path.name : `${path.name.slice(0, room - 1)}…`;
  return `<g data-x="${x.toFixed(2)}" data-w="${width.toFixed(2)}"><title>${escaped(told)}</title><rect x="${x.toFixed(2)}" y="${depth * ROW}" width="${width.toFixed(2)}" height="${ROW - 1}" fill="${colourOf(path.name)}"/><text x="${(x + 3).toFixed(2)}" y="${depth * ROW + 12}">${escaped(label)}</text></g>`;
}

/** The same name has the same colour in every graph; the host's functions are blue. */
function colourOf(name: string): string {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 997;
  const hue = name.startsWith("[") ? 200 + (sum % 30) : 15 + (sum % 35);
  return `hsl(${hue} 75% ${68 + (sum % 12)}%)`;
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}

/** Runs in the page. Labels are cut for the graph as a whole, so they are left out where a frame is widened. */
const ZOOM = `
const svg = document.querySelector("svg");
svg.addEventListener("click", (event) => {
  const chosen = event.target.closest("g");
  if (!chosen) return;
  const left = Number(chosen.dataset.x), scale = ${WIDTH} / Number(chosen.dataset.w);
  for (const group of svg.querySelectorAll("g")) {
    const x = (Number(group.dataset.x) - left) * scale, width = Number(group.dataset.w) * scale;
    const [rect, text] = [group.querySelector("rect"), group.querySelector("text")];
    rect.setAttribute("x", x);
    rect.setAttribute("width", width);
    text.setAttribute("x", Math.max(x, 0) + 3);
    const name = group.querySelector("title").textContent.split(": ")[0];
    const room = Math.floor((Math.min(x + width, ${WIDTH}) - Math.max(x, 0)) / ${CHARACTER}) - 1;
    text.textContent = room < 3 ? "" : name.length <= room ? name : name.slice(0, room - 1) + "…";
  }
});
`;
