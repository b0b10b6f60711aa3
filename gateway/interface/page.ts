/**
 * A page to try the actions: one document without assets from elsewhere. Its own script and style are the only ones that run, by
 * their digests in the policy; descriptions of services are text to it.
 */
import { hash } from "node:crypto";
import type { GatewayResponse } from "../http/gateway-response.ts";

export function pageResponse(): GatewayResponse {
  const body = Buffer.from(PAGE);
  return {
    status: 200,
    headers: [
      ...["Content-Type", "text/html; charset=utf-8", "Content-Length", String(body.length)],
      ...["Content-Security-Policy", POLICY, "Cache-Control", "no-store"],
      ...["X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer"],
    ],
    body,
  };
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: CanvasText; background: Canvas; }
:root { color-scheme: light dark; }
details { border: 1px solid color-mix(in srgb, CanvasText 25%, Canvas); border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
code, pre, textarea, input { font: 13px/1.5 ui-monospace, monospace; }
textarea, input { box-sizing: border-box; width: 100%; padding: .3rem; }
textarea { min-height: 7rem; }
pre { overflow: auto; padding: .5rem; background: color-mix(in srgb, CanvasText 7%, Canvas); }
label { display: block; margin: .4rem 0; }
button { padding: .3rem 1rem; }
`;

const SCRIPT = String.raw`
"use strict";
const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
};
const resolve = (api, schema, depth = 0) => {
  const path = typeof schema?.$ref === "string" && depth < 20 ? schema.$ref.slice(2).split("/") : undefined;
  if (path === undefined) return schema ?? {};
  return resolve(api, path.reduce((at, key) => at?.[decodeURIComponent(key).replace(/~1/g, "/").replace(/~0/g, "~")], api), depth + 1);
};
const sample = (api, given, depth = 0) => {
  const schema = resolve(api, given);
  if (depth > 6) return null;
  if ("default" in schema) return schema.default;
  if ("const" in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const one = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (one !== undefined) return sample(api, one, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object" || schema.properties) {
    const names = Object.keys(schema.properties ?? {});
    return Object.fromEntries(names.map((name) => [name, sample(api, schema.properties[name], depth + 1)]));
  }
  if (type === "array") return schema.items ? [sample(api, schema.items, depth + 1)] : [];
  return { string: "", integer: schema.minimum ?? 0, number: schema.minimum ?? 0, boolean: false }[type] ?? null;
};
const show = (api, path, method, operation) => {
  const fields = operation.parameters.map((parameter) => {
    const input = make("input");
    input.required = parameter.required;
    return { parameter, input, label: make("label", parameter.name + (parameter.required ? "" : " (optional)"), input) };
  });
  const schema = operation.requestBody?.content["application/json"].schema;
  const body = schema && make("textarea", JSON.stringify(sample(api, schema), null, 2));
  if (body) body.spellcheck = false;
  const answer = make("pre");
  answer.hidden = true;
  const button = make("button", "Send");
  button.addEventListener("click", async () => {
    let target = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of fields) {
      if (parameter.in === "path") target = target.replace("{" + parameter.name + "}", encodeURIComponent(input.value));
      else if (input.value !== "") query.set(parameter.name, input.value);
    }
    answer.hidden = false;
    answer.textContent = "…";
    try {
      const init = { method: method.toUpperCase() };
      if (body) Object.assign(init, { body: body.value, headers: { "content-type": "application/json" } });
      const response = await fetch(target + (query.size > 0 ? "?" + query : ""), init);
      const text = await response.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* It is no JSON. */ }
      answer.textContent = response.status + " " + response.statusText + "\n\n" + shown;
    } catch (error) {
      answer.textContent = String(error);
    }
  });
  const summary = make("summary", undefined, make("code", method.toUpperCase() + " " + path));
  const parts = [summary];
  if (operation.description) parts.push(make("p", operation.description));
  parts.push(...fields.map(({ label }) => label));
  if (body) parts.push(make("label", "body", body));
  return make("details", undefined, ...parts, button, answer);
};
const api = await (await fetch("/openapi.json")).json();
const main = document.querySelector("main");
for (const { name, description } of api.tags) {
  main.append(make("h2", name));
  if (description) main.append(make("p", description));
  for (const [path, item] of Object.entries(api.paths))
    for (const [method, operation] of Object.entries(item))
      if (operation.tags[0] === name) main.append(show(api, path, method, operation));
}
if (api.tags.length === 0) main.append(make("p", "No service is deployed yet."));
`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Services of narun</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Services</h1>
<p><a href="/openapi.json">openapi.json</a></p>
<main></main>
<script type="module">${SCRIPT}</script>
</body>
</html>
`;

const POLICY = [
  "default-src 'none'",
  `script-src '${digestOf(SCRIPT)}'`,
  `style-src '${digestOf(STYLE)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

function digestOf(text: string): string {
  return `sha256-${hash("sha256", text, "base64")}`;
}
