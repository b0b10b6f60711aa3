/** The scoreboard in docs/web-platform.md, between two markers. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { formatScoreboard, type Row } from "./scoreboard.ts";

export const SCOREBOARD_START = "<!-- scoreboard: written by `npm run wpt -- --write-docs` -->";
export const SCOREBOARD_END = "<!-- end of the scoreboard -->";
export const PAGE = fileURLToPath(new URL("../../docs/web-platform.md", import.meta.url));

export async function writeScoreboard(rows: readonly Row[]): Promise<void> {
  await writeFile(PAGE, placeScoreboard(await readFile(PAGE, "utf8"), rows));
}

export function placeScoreboard(page: string, rows: readonly Row[]): string {
  const start = page.indexOf(SCOREBOARD_START);
  const end = page.indexOf(SCOREBOARD_END);
  if (start === -1 || end < start) throw new Error("the page has lost the markers of its scoreboard");
  const before = page.slice(0, start + SCOREBOARD_START.length);
  return `${before}\n\n${formatScoreboard(rows)}\n\n${page.slice(end)}`;
}
