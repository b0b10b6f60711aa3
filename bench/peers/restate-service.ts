/** The service of Restate's Node SDK that the bench measures: an invocation has ten small steps. Prints its port. */
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

const server = createServer(createEndpointHandler({ services: [ten] }));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
