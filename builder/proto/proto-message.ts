import { join } from "node:path";
import type { BundleMessage } from "../bundle-message.ts";
import type { ProtoError } from "./proto-error.ts";

/** A fault in a `.proto` file as a message of the bundler. `root`: the function's folder. */
export function issueOf({ place, message, hint }: ProtoError, root: string): BundleMessage {
  const { source, line, column, length } = place;
  const lineText = source.text.split("\n")[line - 1] ?? "";
  return {
    id: "proto",
    pluginName: "proto-modules",
    text: message,
    location: {
      file: source.path ?? join(root, source.name),
      namespace: "file",
      line,
      // The bundler counts bytes.
      column: Buffer.byteLength(lineText.slice(0, column)),
      length: Buffer.byteLength(lineText.slice(column, column + length)),
      lineText,
      suggestion: "",
    },
    notes: [{ text: hint, location: null }],
    detail: undefined,
  };
}
