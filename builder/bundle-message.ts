import type * as esbuild from "esbuild";

/** A message of the bundler about one place of the source, or of narun in the same form. */
export type BundleMessage = esbuild.Message;

/** A place of the source. Lines count from 1, columns from 0 in bytes. */
export type BundlePlace = esbuild.Location;

/** The files of a bundle, and the imports of each. */
export type BundleFacts = esbuild.Metafile;

/** A message about code that the bundler accepts. `hint` is the remedy. */
export function createMessage(
  id: string,
  { text, hint, location = null }: { text: string; hint: string; location?: BundlePlace | null },
): BundleMessage {
  const notes = [{ text: hint, location: null }];
  return { id, pluginName: "", text, location, notes, detail: undefined };
}
