import { hash } from "node:crypto";
import type { SealPlace } from "../contracts/index.ts";

/** The field of a protected header that names the place of a sealed value. */
export const PLACE = "nrp";

/** The digest of a place: the header does not show names of fields or keys. Its parts are one JSON text, so that none runs into another. */
export function digestOfPlace(place: SealPlace): string {
  return hash("sha256", JSON.stringify(place), "base64url");
}
