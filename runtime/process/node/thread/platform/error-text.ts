/** In place of web/console/error-text.ts. */
export { errorText } from "../../../../handler/error-text.ts";
