/** Bodies of multipart/form-data, parsed in an isolate and by Node. */
import { expect, it } from "vitest";
import { loadTestFunction } from "../../runtime/testing/sandbox.ts";

type Shown = [name: string, value: string | [name: string, type: string, text: string]][] | "TypeError";

const READ = `async (body) => {
  try {
    const form = await new Response(body, { headers: { "content-type": "multipart/form-data; boundary=X" } }).formData();
    return await Promise.all([...form].map(async ([name, value]) =>
      [name, typeof value === "string" ? value : [value.name, value.type, await value.text()]]));
  } catch (error) {
    return error.name;
  }
}`;
const readByNode = new Function(`return ${READ}`)() as (body: string) => Promise<Shown>;
const reader = await loadTestFunction(
  `const read = ${READ}; export default async (request) => Response.json(await read(await request.text()));`,
);

async function readInIsolate(body: string): Promise<Shown> {
  const answer = await reader.call({ method: "POST", body: Buffer.from(body) });
  const bytes = answer.kind === "response" ? await reader.read(answer.body) : undefined;
  return JSON.parse(Buffer.from(bytes ?? []).toString());
}

const part = (disposition: string, ...headers: string[]) =>
  ["--X", `Content-Disposition: form-data; ${disposition}`, ...headers, "", "v", "--X--", ""].join("\r\n");
const field = part('name="f"');
const file = ["f.txt", "text/plain", "v"];

it.each<[what: string, body: string, entries: unknown]>([
  ["an empty line before the first boundary", `\r\n${field}`, [["f", "v"]]],
  ["a preamble", `preamble\r\n${field}`, [["f", "v"]]],
  ["a preamble of several lines", `This is a form.\r\n\r\n-- X\r\n${field}`, [["f", "v"]]],
  ["a preamble that has no line end", `preamble${field}`, [["f", "v"]]],
  ["a preamble that ends with LF", `preamble\n${field}`, [["f", "v"]]],
  ["an epilogue", `${field}epilogue`, [["f", "v"]]],
  ["no parts", "--X--", []],
  ["a preamble and no parts", "preamble\r\n--X--\r\n", []],
  ["a quote in a name", part('name="a%22b"'), [['a"b', "v"]]],
  ["a line end in a name", part('name="a%0D%0Ab%0d%0ac"'), [["a\r\nb\r\nc", "v"]]],
  ["other percent signs in a name", part('name="100%41%2522%"'), [["100%41%2522%", "v"]]],
  ["a backslash in a name", part('name="a\\\\b\\"'), [["a\\\\b\\", "v"]]],
  ["a quote in a file name", part('name="f"; filename="a%22.txt"'), [["f", ['a".txt', "text/plain", "v"]]]],
  ["a file name of older clients", part("name=f; filename*=UTF-8''f%2Etxt"), [["f", file]]],
  ["both kinds of file name", part(`name="f"; filename="?"; filename*=UTF-8''f.txt`), [["f", file]]],
  ["a name of older clients", part("name*=UTF-8''%C3%A4"), [["ä", "v"]]],
  ["nothing at all", "", "TypeError"],
  ["another boundary before its own", `--Xy\r\n${field}`, "TypeError"],
  ["no end", field.slice(0, -9), "TypeError"],
  ["an end that is cut off", field.slice(0, -4), "TypeError"],
  ["lines that end with LF", field.replaceAll("\r", ""), "TypeError"],
  ["no name", part("filename=x"), "TypeError"],
])("a body with %s is read as Node reads it", async (_what, body, entries) => {
  expect([await readInIsolate(body), await readByNode(body)]).toEqual([entries, entries]);
});

/** Differences between the two. docs/web-platform.md has the reasons. */
it.each<[what: string, body: string, ours: unknown, node: unknown]>([
  ["spaces behind a boundary", field.replace("--X\r", "--X \t\r"), [["f", "v"]], "TypeError"],
  ["quotes after a backslash", part('name="a\\"b"'), [['a"b', "v"]], "TypeError"],
  [
    "Content-Transfer-Encoding",
    part('name="f"', "Content-Transfer-Encoding: 7bit"),
    [["f", "v"]],
    [["f", "v"]],
  ],
  [
    "a part in base64",
    part('name="f"', "Content-Transfer-Encoding: base64").replace("\r\nv\r", "\r\ndg==\r"),
    [["f", "dg=="]],
    [["f", "v"]],
  ],
])("a body with %s is read by rules of our own", async (_what, body, ours, node) => {
  expect([await readInIsolate(body), await readByNode(body)]).toEqual([ours, node]);
});
