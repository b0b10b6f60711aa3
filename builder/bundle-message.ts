import type * as esbuild from "esbuild";

/** What the bundler, or narun in its way, says about one place of the source. */
export type BundleMessage = esbuild.Message;

/** A place of the source; lines from 1, columns from 0 in bytes. */
export type BundlePlace = esbuild.Location;

/** The files of a bundle, and what each imports. */
export type BundleFacts = esbuild.Metafile;

/** What is doubtful, or wrong, though the bundler takes it. `hint` says how to fix it. */
export function createMessage(
  id: string,
  { text, hint, location = null }: { text: string; hint: string; location?: BundlePlace | null },
): BundleMessage {
  const notes = [{ text: hint, location: null }];
  return { id, pluginName: "", text, location, notes, detail: undefined };
}
