/** Counts sentences that do not name their subject, in comments and pages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Upper bound of the share of sentences that lean on a word that names nothing. */
const MAX_SHARE = 0.01;

/** Upper bound of the lines of a page's paragraph or list item, and of the columns of a line. */
const MAX_LINES = 6;
const MAX_COLUMNS = 110;

/** Openings that make a reader look for the subject. */
const OPENING = /^(?:what|whoever|whatever|those|of|nobody|somebody|who|whose|for so long|be it)\b/i;

/** Words that stand for a thing and do not name it. */
const NAMELESS =
  /\b(?:whoever|whatever|whichever|nobody|somebody|those (?:that|who|of)|(?:the )?ones? (?:that|who|which)|(?:of|to|for|from|by|with|in|on|and|as|than|is|are|has|sees|gets|takes|keeps) what (?!happens\b)|what (?:is|was|are|were|has|had|does|did|it|they|a|an|the|its|of)\b)/i;

interface Sentence {
  at: string;
  text: string;
}

const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...listFiles("docs", ".md")];

describe("sentences", () => {
  it.each([
    ["comments", () => listFiles(".", ".ts").flatMap(commentsOf)],
    ["pages", () => pages.flatMap(pageSentencesOf)],
  ] as const)("name their things in %s", (_kind, list) => {
    const sentences = list();
    const riddles = sentences.filter(({ text }) => isRiddle(text));
    const shown = riddles.map(({ at, text }) => `${at}: ${text}`);
    expect(riddles.length / sentences.length, shown.join("\n")).toBeLessThanOrEqual(MAX_SHARE);
  });
});

describe("paragraphs of the pages", () => {
  const paragraphs = pages.flatMap(paragraphsOf);

  it(`have at most ${MAX_LINES} lines`, () => {
    const long = paragraphs.filter(({ lines }) => lines.length > MAX_LINES);
    expect(long.map(({ at, lines }) => `${at}: ${lines.length} lines: ${lines[0]}`)).toEqual([]);
  });

  it(`have at most ${MAX_COLUMNS} columns, unless a line has an address`, () => {
    const long = paragraphs.flatMap(({ at, lines }) =>
      lines
        .filter((line) => line.length > MAX_COLUMNS && !line.includes("://"))
        .map((line) => `${at}: ${line}`),
    );
    expect(long).toEqual([]);
  });
});

function isRiddle(text: string): boolean {
  return OPENING.test(text) || NAMELESS.test(text);
}

function listFiles(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : listFiles(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

/** The sentences of a file's comments. Lines of `//` that follow each other are one comment. */
function commentsOf(file: string): Sentence[] {
  const source = readFileSync(join(root, file), "utf8");
  const comments = source.matchAll(
    /(?:^|(?<=[\s;,{(]))(?:\/\*\*?([\s\S]*?)\*\/|\/\/ (.*(?:\n[ \t]*\/\/ .*)*))/gm,
  );
  return [...comments].flatMap((match) => {
    const text = (match[1] ?? match[2] ?? "").replace(/^[ \t]*(?:\*|\/\/) ?/gm, "");
    const line = source.slice(0, match.index).split("\n").length;
    return sentencesOf(`${file}:${line}`, text);
  });
}

/** Paragraphs and list items of a page, without code, tables and headings. */
function paragraphsOf(file: string): { at: string; lines: string[] }[] {
  const text = readFileSync(join(root, file), "utf8").replace(/^```[\s\S]*?^```$/gm, "");
  return text
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) |[|#])/)
    .map((paragraph) => ({ at: file, lines: paragraph.split("\n").filter((line) => line !== "") }))
    .filter(({ lines: [first = ""] }) => !/^[|#<]/.test(first));
}

function pageSentencesOf(file: string): Sentence[] {
  const text = readFileSync(join(root, file), "utf8").replace(/^```[\s\S]*?^```$/gm, "");
  return text.split(/\n\s*\n|\n(?=\s*[-|#] ?)/).flatMap((paragraph) => sentencesOf(file, paragraph));
}

function sentencesOf(at: string, text: string): Sentence[] {
  return text
    .replaceAll(/\s+/g, " ")
    .split(/(?<=[.:;?!]) +(?=[A-Z`"])/)
    .map((sentence) => sentence.replace(/^[-*|#\s]+/, "").trim())
    .filter((sentence) => sentence !== "" && !sentence.startsWith("biome-ignore"))
    .map((sentence) => ({ at, text: sentence }));
}
