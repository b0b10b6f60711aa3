/**
 * Makes texts of others harmless for a terminal: logs and errors of functions, and values of the stores. A terminal executes
 * control sequences: they move its cursor over other lines, change its title, set the clipboard. So no control character but
 * line feed and tab passes unchanged, except in known colours.
 */

/** For a terminal with colours. Colours stay, other control characters are shown as text (`\x1b]0;`). */
export function keepColours(text: string): string {
  if (!CONTROL.test(text)) return text;
  const shown = text.replaceAll("\r\n", "\n").split(STYLE);
  // The pieces with odd indexes are the matches of STYLE.
  return shown.map((piece, n) => (n % 2 === 1 && isColour(piece) ? piece : show(piece))).join("");
}

/** For files, pipes and terminals without colours. Sequences are removed, other control characters shown as text. */
export function withoutColours(text: string): string {
  if (!CONTROL.test(text)) return text;
  return show(text.replaceAll("\r\n", "\n").replace(SEQUENCE, ""));
}

/** Escapes the control characters from 0x7f on. JSON itself escapes the lower ones only. */
export function controlFreeJson(json: string): string {
  return json.replace(OTHER_CONTROLS, (one) => `\\u${hex(one, 4)}`);
}

const CONTROL = /[^\P{Cc}\n\t]/u;
const CONTROLS = /[^\P{Cc}\n\t]/gu;
const OTHER_CONTROLS = /[\u007f-\u009f]/g;

const ESC = "\u001b";
const CSI = `(?:${ESC}\\[|\u009b)`;
// Strings for the terminal (OSC, DCS, SOS, PM, APC) with any of their terminators. The body excludes control characters:
// otherwise a text with many beginnings and no end would be scanned to its end for each beginning.
const STRING = `(?:${ESC}[\\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007${ESC}\u0080-\u009f]*(?:\u0007|${ESC}\\\\|\u009c)`;
/** ECMA-48, sections 5.4 and 5.6; ECMA-35, section 13. */
const SEQUENCE = new RegExp(`${CSI}[0-?]*[ -/]*[@-~]|${STRING}|${ESC}[ -/]*[0-Z\\\\^-~]`, "g");
/** Select graphic rendition, in its usual form. */
const STYLE = new RegExp(`(${ESC}\\[[0-9;]{0,64}m)`, "g");

/** Reset, bold, dim, italic, underlined, inverse, colours, and their ends. Styles that hide text or blink are excluded. */
const PLAIN_STYLES = /^(?:[0-4]|7|9|2[1-79]|[34][0-79]|9[0-7]|10[0-7])?$/;
const BYTE = /^\d{1,3}$/;

function isColour(sequence: string): boolean {
  const codes = sequence.slice(2, -1).split(";");
  for (let n = 0; n < codes.length; n++) {
    const code = codes[n] ?? "";
    if (code === "38" || code === "48") {
      const count = codes[n + 1] === "5" ? 1 : codes[n + 1] === "2" ? 3 : 0;
      const values = codes.slice(n + 2, n + 2 + count);
      if (count === 0 || values.length < count || !values.every((value) => BYTE.test(value))) return false;
      n += 1 + count;
    } else if (!PLAIN_STYLES.test(code)) return false;
  }
  return true;
}

function show(text: string): string {
  return text.replace(CONTROLS, (one) => `\\x${hex(one, 2)}`);
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}
