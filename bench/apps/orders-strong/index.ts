/** The same app, whose every read asks the bucket. */
import { createApp } from "../orders/app.ts";

export default createApp("/orders-strong");
