/** A host process with an error that nothing catches, while an isolate's thread waits for the main thread. */
import ivm from "isolated-vm";
import { endAtOnceOnFault } from "../isolate/process/runner-channel.ts";

endAtOnceOnFault();
const isolate = new ivm.Isolate();
const context = await isolate.createContext();
await context.global.set("ask", new ivm.Callback(() => 1));
const loop = await isolate.compileScript("for (;;) ask();");
void loop.run(context);
setTimeout(() => {
  throw new Error("an error of the host's own");
}, 100);
