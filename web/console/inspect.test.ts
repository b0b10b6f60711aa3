import { inspect } from "node:util";
import { expect, it } from "vitest";
import { printed } from "../../runtime/testing/printed.ts";
import { SHOWN_AS_NODE_DOES } from "../../runtime/testing/shown-values.ts";

/** The time at which an event was made, and the line breaks that depend on its digits. */
function withoutTimes(text: string): string {
  return /timeStamp: /.test(text)
    ? text.replace(/timeStamp: [\d.]+/, "timeStamp: 0").replaceAll(/\s+/g, " ")
    : text;
}

function shownByNode(expression: string): string {
  // biome-ignore lint/security/noGlobalEval: the expressions are those of the test.
  const value: unknown = globalThis.eval(`(() => (${expression}))()`);
  return withoutTimes(typeof value === "string" ? value : inspect(value));
}

it("shows values as Node does", async () => {
  const calls = SHOWN_AS_NODE_DOES.map((expression) => `console.log((() => (${expression}))());`);
  const lines = await printed(calls.join("\n"));
  const ours = lines.map((line) => withoutTimes(line.replace(/^info /, "")));
  const pairs = (texts: readonly string[]) => texts.map((text, at) => [SHOWN_AS_NODE_DOES[at], text]);
  expect(pairs(ours)).toEqual(pairs(SHOWN_AS_NODE_DOES.map(shownByNode)));
});

it.each([
  // V8 does not show the state to code inside the isolate.
  ["Promise.resolve(1)", "Promise { <state unknown> }"],
  ["new Map([[1, 2]]).entries()", "Object [Map Iterator] {}"],
  ["new URLSearchParams('a=1').keys()", "Object [URLSearchParams Iterator] {}"],
  // Node shows less.
  ["Temporal.PlainDate.from('2020-01-02')", "Temporal.PlainDate 2020-01-02"],
  ["[Temporal.Duration.from('P1DT2H')]", "[ Temporal.Duration P1DT2H ]"],
  [
    "Temporal.ZonedDateTime.from('2020-01-02T10:11[UTC]')",
    "Temporal.ZonedDateTime 2020-01-02T10:11:00+00:00[UTC]",
  ],
  ["Object.create(Temporal.PlainDate.prototype)", "Temporal.PlainDate {}"],
  ["AbortSignal.abort(5)", "AbortSignal { aborted: true, reason: 5 }"],
  ["new CustomEvent('x', { detail: 4 })", /^CustomEvent \{ type: 'x', .*, detail: 4 \}$/],
  [
    "new MessageEvent('message', { data: 1 })",
    /^MessageEvent \{ type: 'message', .*, data: 1, ports: \[\] \}$/,
  ],
  ["new ErrorEvent('error', { message: 'm' })", /^ErrorEvent \{ .*, message: 'm', .* \}$/],
  ["new TextEncoder()", "TextEncoder { encoding: 'utf-8' }"],
  ["{ a: { b: { c: new AbortController() } } }", "{ a: { b: { c: [AbortController] } } }"],
  // Node shows fields that only its own class has.
  ["new MessageChannel()", "MessageChannel { port1: MessagePort {}, port2: MessagePort {} }"],
])("shows %s", async (expression, expected) => {
  const [line = ""] = await printed(`console.log(${expression})`);
  const text = line.replace(/^info /, "").replaceAll(/\s+/g, " ");
  expect(text).toEqual(typeof expected === "string" ? expected : expect.stringMatching(expected));
});

it("makes no stream of a body to show it", async () => {
  const lines = await printed(`
    const response = new Response("text");
    console.log(response);
    console.log(response.bodyUsed, await response.text());
    console.log(response)`);
  expect(lines.join("\n")).toContain("info false text");
  expect(lines.at(-1)).toContain(
    "body: ReadableStream { locked: true, state: 'closed', supportsBYOB: true }",
  );
});
