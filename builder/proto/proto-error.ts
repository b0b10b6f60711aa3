/** A place in a `.proto` file. */
export interface ProtoPlace {
  readonly source: ProtoSource;
  /** 1-based. */
  readonly line: number;
  /** 0-based, in characters. */
  readonly column: number;
  readonly length: number;
}

export interface ProtoSource {
  /** The absolute path; undefined for the files that narun itself has. */
  readonly path: string | undefined;
  /** The name under which other files import it, and under which its descriptor is known. */
  readonly name: string;
  readonly text: string;
}

/** A fault in a `.proto` file: the place, the fault, and the remedy. */
export class ProtoError extends Error {
  override readonly name = "ProtoError";
  readonly place: ProtoPlace;
  readonly hint: string;

  constructor(place: ProtoPlace, message: string, hint: string) {
    super(message);
    this.place = place;
    this.hint = hint;
  }
}
