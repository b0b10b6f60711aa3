import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Runs the body of an async function inside an isolate. Its result returns as JSON. */
const run = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

/** Entries of a form as JSON: files as [name, type, text]. */
const SHOW = `
  const show = async (form) => Promise.all([...form].map(async ([name, value]) =>
    [name, typeof value === "string" ? value : [value.name, value.type, await value.text()]]));
`;

const BODY_TYPE = "multipart/form-data; boundary=boundary";

/** Parses lines as the body of a request. */
const parse = async (lines: string[], type = BODY_TYPE) =>
  callJson(
    `${SHOW} export default async (request) => {
      try { return Response.json(await show(await request.formData())) }
      catch (error) { return Response.json(error.name) }
    }`,
    { method: "POST", headers: [["content-type", type]], body: Buffer.from(lines.join("\r\n")) },
  );

const field = (disposition: string, ...rest: string[]) => [
  "--boundary",
  `Content-Disposition: form-data; ${disposition}`,
  ...rest,
  "--boundary--",
  "",
];

describe("FormData", () => {
  it("appends, sets, deletes and finds entries by name", async () => {
    expect(
      await run(`
        const form = new FormData();
        form.append("a", 1); form.append("b", "2"); form.append("a", "3"); form.append("c", "4");
        const all = form.getAll("a");
        form.set("a", "5"); form.set("d", "6"); form.delete("b");
        return [all, [...form], form.get("a"), form.get("x"), form.getAll("x"), form.has("d"), form.has("b"), [...form.keys()]];
      `),
    ).toEqual([
      ["1", "3"],
      [
        ["a", "5"],
        ["c", "4"],
        ["d", "6"],
      ],
      "5",
      null,
      [],
      true,
      false,
      ["a", "c", "d"],
    ]);
  });

  it("makes files of blobs, and keeps files as they are", async () => {
    expect(
      await run(`${SHOW}
        const form = new FormData();
        const file = new File(["f"], "f.txt", { type: "text/plain", lastModified: 7 });
        form.append("blob", new Blob(["b"], { type: "x/y" }));
        form.append("named", new Blob(["n"]), "n.bin");
        form.append("file", file);
        form.append("renamed", file, "g.txt");
        return [await show(form), form.get("file") === file, form.get("renamed").lastModified];
      `),
    ).toEqual([
      [
        ["blob", ["blob", "x/y", "b"]],
        ["named", ["n.bin", "", "n"]],
        ["file", ["f.txt", "text/plain", "f"]],
        ["renamed", ["g.txt", "text/plain", "f"]],
      ],
      true,
      7,
    ]);
  });

  it.each([
    "new FormData({})",
    "new FormData(null)",
    "new FormData().append('a')",
    "new FormData().append('a', 'b', 'c')",
    "new FormData().set('a', {}, 'c')",
    "new FormData().get()",
    "FormData.prototype.has.call({}, 'a')",
  ])("refuses %s", async (expression) => {
    expect(await run(`try { ${expression} } catch (error) { return error.name }`)).toBe("TypeError");
  });
});

describe("a form as a body", () => {
  it("is written as the HTML standard says", async () => {
    const fn = await loadTestFunction(`export default () => {
      const form = new FormData();
      form.append('n"a\\nme', "v\\na\\rl");
      form.append("file", new File(["fi", new Uint8Array([108, 101])], 'f"\\r.txt'));
      form.append("empty", new File([], "é", { type: "text/x" }));
      return new Response(form);
    }`);
    const answer = await fn.call();
    const headers = answer.kind === "response" ? new Map(answer.headers) : new Map();
    const boundary = /^multipart\/form-data; boundary=([0-9a-zA-Z-]{27,70})$/.exec(
      headers.get("content-type") ?? "",
    )?.[1];
    expect(boundary).toBeDefined();
    const body = answer.kind === "response" ? await fn.read(answer.body) : undefined;
    expect(
      Buffer.from(body ?? [])
        .toString()
        .split("\r\n"),
    ).toEqual([
      `--${boundary}`,
      'Content-Disposition: form-data; name="n%22a%0D%0Ame"',
      "",
      "v",
      "a",
      "l",
      `--${boundary}`,
      'Content-Disposition: form-data; name="file"; filename="f%22%0D.txt"',
      "Content-Type: application/octet-stream",
      "",
      "file",
      `--${boundary}`,
      'Content-Disposition: form-data; name="empty"; filename="é"',
      "Content-Type: text/x",
      "",
      "",
      `--${boundary}--`,
      "",
    ]);
  });

  it("comes back as it was, files of any bytes included", async () => {
    expect(
      await run(`${SHOW}
        const form = new FormData();
        const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7);
        form.append("a", "é\\ud83d\\ude00");
        form.append("b", new File([bytes, "\\r\\n--", bytes], "b.bin", { type: "x/y" }));
        form.append('q"\\r\\n\\\\', new File([], 'f"\\n%41'));
        const parsed = await new Response(form).formData();
        const back = await parsed.get("b").bytes();
        return [parsed.get("a"), back.length, back[99_999] === bytes[99_999], back[100_004] === bytes[0], parsed.get("b").type,
          parsed.get('q"\\r\\n\\\\').name];
      `),
    ).toEqual(["é😀", 200_004, true, true, "x/y", 'f"\n%41']);
  });

  it("reads fields and files", async () => {
    expect(
      await parse([
        "--boundary \t",
        'Content-Type: TEXT/html;;x="y"',
        'content-disposition : form-data; NAME="file"; filename="ü.txt"',
        "X-Other: 1",
        "",
        "<\r\n--bound>",
        "--boundary",
        'Content-Disposition: form-data; name="a"',
        "",
        "",
        "--boundary",
        'Content-Disposition: form-data; name=b; filename=""',
        "",
        "x",
        "--boundary-- ",
        "epilogue",
      ]),
    ).toEqual([
      ["file", ["ü.txt", "text/html;x=y", "<\r\n--bound>"]],
      ["a", ""],
      ["b", ["", "text/plain", "x"]],
    ]);
  });

  it.each([
    ["a backslash at the end of a name", 'name="a\\"; filename*=x', "a\\"],
    ["quotes that were escaped by a backslash", 'name="a\\"b"', 'a"b'],
    ["the first of two names", 'name="a"; name="b"', "a"],
  ])("reads %s", async (_what, disposition, name) => {
    expect(await parse(field(disposition, "", "v"))).toEqual([[name, "v"]]);
  });

  it("reads a file name in the form that older clients send", async () => {
    expect(await parse(field("name=\"a\"; filename*=UTF-8''n%C3%A4me", "", "v"))).toEqual([
      ["a", ["näme", "text/plain", "v"]],
    ]);
  });

  it.each([
    ["no end", ["--boundary", 'Content-Disposition: form-data; name="a"', "", "v"]],
    [
      "something behind the last boundary",
      field('name="a"', "", "v").map((line) => (line.endsWith("--") ? `${line}x` : line)),
    ],
    ["a part without a name", field("filename=x", "", "v")],
    ["a part without headers", ["--boundary", "", "v", "--boundary--", ""]],
    [
      "another disposition",
      ["--boundary", 'Content-Disposition: attachment; name="a"', "", "v", "--boundary--", ""],
    ],
    ["a line that is no header", field('name="a"', "no header", "", "v")],
    ["a folded header", field('name="a"', " folded", "", "v")],
    ["NUL in a header", field('name="a\0"', "", "v")],
    ["a line feed alone", field('name="a\nb"', "", "v")],
    ["nothing at all", []],
  ])("refuses a body with %s", async (_what, lines) => {
    expect(await parse(lines)).toBe("TypeError");
  });

  it.each([
    ["no boundary", "multipart/form-data"],
    ["an empty one", 'multipart/form-data; boundary=""'],
    ["another type", "text/plain"],
    ["no valid type", "multipart"],
  ])("refuses a content type with %s", async (_what, type) => {
    expect(await parse(field('name="a"', "", "v"), type)).toBe("TypeError");
  });

  it.each([
    [
      "a=1&b=%C3%A9+x&a=2",
      [
        ["a", "1"],
        ["b", "é x"],
        ["a", "2"],
      ],
    ],
    ["?a=1", [["?a", "1"]]],
    ["", []],
  ])("reads the URL-encoded %j", async (body, entries) => {
    expect(await parse([body], "application/x-www-form-urlencoded;charset=UTF-8")).toEqual(entries);
  });

  it("takes time that grows with the body's length alone", async () => {
    const spaces = `X-Spaces: a${" ".repeat(300_000)}b`;
    const near = "\r\n--boundarx".repeat(50_000);
    expect(await parse(field('name="a"', spaces, "", near))).toEqual([["a", near]]);
  });
});
