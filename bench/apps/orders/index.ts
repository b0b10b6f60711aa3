/** The app as its authors would write it for another platform: entries may be a minute old. */
import { createApp } from "./app.ts";

export default createApp("/orders", { cacheTtl: 60 });
