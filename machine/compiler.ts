/**
 * esbuild, which compiles functions and narun's own files. It does its work in a child process, which the package keeps for as
 * long as this process runs: up to 200 MB after large bundles.
 *
 * I1  The child runs only while somebody holds the compiler.
 */
import type * as Esbuild from "esbuild";

type Compiler = typeof Esbuild;

/** A use of the compiler. Its child process ends when the last hold is released. */
interface CompilerHold extends Disposable {
  /** Loads the package at the first call. */
  load(): Promise<Compiler>;
}

/** The package has one child for a process, so its holds are counted for the process. */
let holds = 0;
let loading: Promise<Compiler> | undefined;

/** Holds the compiler until it is disposed. A hold around several builds spares the start of a child for each. */
export function holdCompiler(): CompilerHold {
  holds += 1;
  let isHeld = true;
  return {
    load() {
      loading ??= import("esbuild");
      return loading;
    },
    [Symbol.dispose]() {
      if (!isHeld) return;
      isHeld = false;
      holds -= 1;
      void loading?.then((esbuild) => (holds === 0 ? esbuild.stop() : undefined));
    },
  };
}
