/**
 * Files of a web-platform-tests checkout by their URL path, as the suite's own server answers them: templates (`*.sub.*`)
 * filled in, headers from `*.headers` files, content types by extension.
 */
import { readFileSync, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";

export interface Resource {
  status: number;
  headers: [string, string][];
  body: Buffer;
}

const CONTENT_TYPES: Record<string, string> = {
  ".css": "text/css",
  ".gif": "image/gif",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".wasm": "application/wasm",
  ".xml": "text/xml",
};

/** Files that the suite's server maps to another path. The IDL harness names one. */
const ALIASES: Record<string, string> = {
  "/resources/WebIDLParser.js": "/resources/webidl2/lib/webidl2.js",
};

/**
 * Binary files that Debian leaves out of its source packages. This one is a WebAssembly module that exports `increment`, from
 * i32 to i32.
 */
const STAND_INS: Record<string, Buffer> = {
  "/wasm/incrementer.wasm": Buffer.from(
    "0061736d0100000001060160017f017f03020100070d0109696e6372656d656e7400000a09010700200041016a0b",
    "hex",
  ),
};

/** The file for a URL path. Undefined for a path out of the checkout, or without a file. */
function findResource(dir: string, path: string): string | undefined {
  const file = join(dir, normalize(decodeURIComponent(ALIASES[path] ?? path)));
  if (!file.startsWith(join(dir, "/"))) return undefined;
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? file : undefined;
}

/** A checkout and the address at which it is served. */
export interface Site {
  dir: string;
  origin: string;
  /** A second port of the server: another origin on the same host. */
  otherPort: string;
}

export function readResource({ dir, otherPort }: Site, url: URL): Resource | undefined {
  const file = findResource(dir, url.pathname);
  if (file === undefined) {
    const body = STAND_INS[url.pathname];
    const type = CONTENT_TYPES[extname(url.pathname)] ?? "";
    return body === undefined ? undefined : { status: 200, headers: [["content-type", type]], body };
  }
  const bytes = readFileSync(file);
  const isTemplate = /\.sub\./.test(file);
  const body = isTemplate ? Buffer.from(fillTemplate(bytes.toString(), url, otherPort)) : bytes;
  const headers: [string, string][] = [
    ["content-type", CONTENT_TYPES[extname(file)] ?? "application/octet-stream"],
  ];
  return { status: 200, headers: [...headers, ...readHeaderFile(`${file}.headers`)], body };
}

function readHeaderFile(file: string): [string, string][] {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(/:(.*)/s).map((part) => part.trim()))
    .filter(([name]) => name !== undefined && name !== "")
    .map(([name = "", value = ""]) => [name, value]);
}

/** Fills in a template. Every host of the suite is this machine. */
function fillTemplate(text: string, url: URL, otherPort: string): string {
  return text.replace(/\{\{([^{}]+)\}\}/g, (whole, expression: string) => {
    const name = expression.trim();
    if (/^(host|hosts\[\w*\]\[\w*\]|domains\[\w*\]|location\[hostname\])$/.test(name)) return url.hostname;
    const port = /^ports\[\w+\]\[(\d)\]$/.exec(name)?.[1];
    if (port !== undefined) return port === "0" ? url.port : otherPort;
    if (name === "location[host]") return url.host;
    if (name === "location[server]") return url.origin;
    const query = /^GET\[(.+)\]$/.exec(name)?.[1];
    return query === undefined ? whole : (url.searchParams.get(query) ?? "");
  });
}
