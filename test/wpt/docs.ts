/** The scoreboard in docs/web-platform.md, between two markers. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { formatScoreboard, type Row } from "./scoreboard.ts";

export const SCOREBOARD_START = "<!-- scoreboard: written by `npm run wpt -- --write-docs` -->";
export const SCOREBOARD_END = "<!-- end of the scoreboard -->";
export const PAGE = fileURLToPath(new URL("../../docs/web-platform.md", import.meta.url));

export async function writeScoreboard(rows: readonly Row[]): Promise<void> {
  const page = await readFile(PAGE, "utf8");
  const start = page.indexOf(SCOREBOARD_START);
  const end = page.indexOf(SCOREBOARD_END);
  if (start === -1 || end < start) throw new Error(`${PAGE} has lost the markers of its scoreboard`);
  const before = page.slice(0, start + SCOREBOARD_START.length);
  await writeFile(PAGE, `${before}\n\n${formatScoreboard(rows)}\n\n${page.slice(end)}`);
}
