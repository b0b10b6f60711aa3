/** The code that V8 has compiled of this program. The file that loads the program provides it (image/host-code.ts). */
interface CompiledCode {
  /** Whether the process started without it. */
  isLacking: boolean;
  /** The code of all functions that have run. */
  create(): Uint8Array;
}

declare const compiled: CompiledCode | undefined;

/** Undefined in a process that was not loaded so. */
export const compiledCode: CompiledCode | undefined = typeof compiled === "undefined" ? undefined : compiled;
