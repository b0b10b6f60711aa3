/** Plain English, counted: a comment or a page names its subject. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Upper bound of the share of sentences that lean on a word that names nothing. */
const MAX_SHARE = 0.25;

/** Openings that make a reader look for the subject. */
const OPENING = /^(?:what|whoever|whatever|those|of|nobody|somebody|who|whose|for so long|be it)\b/i;

/** Words that stand for a thing and do not name it. */
const NAMELESS =
  /\b(?:whoever|whatever|whichever|nobody|somebody|those (?:that|who|of)|(?:the )?ones? (?:that|who|which)|(?:of|to|for|from|by|with|in|on|and|as|than|is|are|has|sees|gets|takes|keeps) what (?!happens\b)|what (?:is|was|are|were|has|had|does|did|it|they|a|an|the|its|of)\b)/i;

interface Sentence {
  at: string;
  text: string;
}

describe("sentences", () => {
  it.each([
    ["comments", () => listFiles(".", ".ts").flatMap(commentsOf)],
    ["pages", () => ["README.md", "CONTRIBUTING.md", ...listFiles("docs", ".md")].flatMap(paragraphsOf)],
  ])("name their things in %s", (_kind, list) => {
    const sentences = list();
    const riddles = sentences.filter(({ text }) => isRiddle(text));
    const shown = riddles.map(({ at, text }) => `${at}: ${text}`);
    expect(riddles.length / sentences.length, shown.join("\n")).toBeLessThanOrEqual(MAX_SHARE);
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
    /\/\*\*?([\s\S]*?)\*\/|(?:^|(?<=[\s;,{(]))\/\/ (.*(?:\n[ \t]*\/\/ .*)*)/gm,
  );
  return [...comments].flatMap((match) => {
    const text = (match[1] ?? match[2] ?? "").replace(/^[ \t]*(?:\*|\/\/) ?/gm, "");
    const line = source.slice(0, match.index).split("\n").length;
    return sentencesOf(`${file}:${line}`, text);
  });
}

function paragraphsOf(file: string): Sentence[] {
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
