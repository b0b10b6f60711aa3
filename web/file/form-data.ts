// biome-ignore-all lint/complexity/noArguments: which overload is meant depends on how many arguments there are
import { showFields } from "../console/inspection.ts";
import { asInterface, requireArguments, toUSVString } from "../webidl/webidl.ts";
import { definePairIterable } from "../webidl/webidl-iterable.ts";
import { type Blob, isBlob } from "./blob.ts";
import { type File, isFile, renameBlob } from "./file.ts";

export type FormDataEntryValue = string | File;
export type FormDataEntry = readonly [name: string, value: FormDataEntryValue];

// The platform's own access to a FormData, bound inside the class, out of user code's reach.

export let isFormData: (value: unknown) => value is FormData;
export let formDataEntries: (form: FormData) => readonly FormDataEntry[];
export let createFormData: (entries: FormDataEntry[]) => FormData;

/** `FormData` of the XMLHttpRequest standard. It cannot be made of a form: there are no forms here. */
export class FormData {
  #entries: FormDataEntry[] = [];

  constructor(form: undefined = undefined) {
    if (form !== undefined) throw new TypeError("FormData: there are no form elements here to make one of.");
  }

  append(name: string, value: string | Blob, filename: string | undefined = undefined): void {
    this.#entries.push(toEntry("FormData.append", arguments.length, name, value, filename));
  }

  delete(name: string): void {
    this.#entries;
    requireArguments(arguments.length, 1, "FormData.delete");
    const key = toUSVString(name);
    this.#entries = this.#entries.filter(([own]) => own !== key);
  }

  get(name: string): FormDataEntryValue | null {
    this.#entries;
    requireArguments(arguments.length, 1, "FormData.get");
    const key = toUSVString(name);
    return this.#entries.find(([own]) => own === key)?.[1] ?? null;
  }

  getAll(name: string): FormDataEntryValue[] {
    this.#entries;
    requireArguments(arguments.length, 1, "FormData.getAll");
    const key = toUSVString(name);
    return this.#entries.filter(([own]) => own === key).map(([, value]) => value);
  }

  has(name: string): boolean {
    this.#entries;
    requireArguments(arguments.length, 1, "FormData.has");
    const key = toUSVString(name);
    return this.#entries.some(([own]) => own === key);
  }

  set(name: string, value: string | Blob, filename: string | undefined = undefined): void {
    this.#entries;
    const entry = toEntry("FormData.set", arguments.length, name, value, filename);
    const at = this.#entries.findIndex(([own]) => own === entry[0]);
    if (at === -1) this.#entries.push(entry);
    else
      this.#entries = this.#entries.flatMap((own, index) =>
        index === at ? [entry] : own[0] === entry[0] ? [] : [own],
      );
  }

  static {
    isFormData = (value): value is FormData =>
      typeof value === "object" && value !== null && #entries in value;
    formDataEntries = (form) => form.#entries;
    createFormData = (entries) => {
      const form = new FormData();
      form.#entries = entries;
      return form;
    };
  }
}

definePairIterable<FormData, string, FormDataEntryValue>(FormData, "FormData", formDataEntries);
asInterface("FormData", FormData);
showFields(
  FormData,
  "FormData",
  (form) =>
    Object.fromEntries(
      [...Map.groupBy(formDataEntries(form), ([name]) => name)].map(([name, entries]) => {
        const values = entries.map(([, value]) => value);
        return [name, values.length === 1 ? values[0] : values];
      }),
    ),
  { isAlwaysWhole: true },
);

/** The entry for the arguments of `append` and `set`. `given` is their number. */
function toEntry(
  where: string,
  given: number,
  rawName: unknown,
  value: unknown,
  filename: unknown,
): FormDataEntry {
  requireArguments(given, 2, where);
  const name = toUSVString(rawName);
  if (!isBlob(value)) {
    if (given > 2) throw new TypeError(`${where}: parameter 2 is not a Blob: only a Blob has a file name.`);
    return [name, toUSVString(value)];
  }
  if (filename !== undefined) return [name, renameBlob(value, toUSVString(filename))];
  return [name, isFile(value) ? value : renameBlob(value, "blob")];
}
