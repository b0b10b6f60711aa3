/**
 * The service of Restate's Node SDK that the bench measures: an invocation has ten small steps, or ten requests to a counter.
 * Arguments: its port (0: a free one), and the URL of the counter. Prints its port.
 */
import { createServer } from "node:http2";
import { createEndpointHandler, service } from "@restatedev/restate-sdk";

const STEPS = 10;

const ten = service({
  name: "ten",
  handlers: {
    run: async (ctx, n: number) => {
      let sum = n;
      for (let at = 0; at < STEPS; at++) sum = await ctx.run(`s${at}`, () => sum + 1);
      return sum;
    },
  },
});

const [port = "0", counter = ""] = process.argv.slice(2);

const counted = service({
  name: "counted",
  handlers: {
    run: async (ctx, id: string) => {
      let sum = 0;
      for (let at = 0; at < STEPS; at++)
        sum += await ctx.run(`s${at}`, async () =>
          Number(await (await fetch(`${counter}${id}/${at}`)).text()),
        );
      return sum;
    },
  },
});

const server = createServer(createEndpointHandler({ services: [ten, counted] }));
server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
