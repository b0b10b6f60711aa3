import type { HostOperations } from "../../process/host-calls.ts";
import { readKey } from "./arguments.ts";
import type { BindingContext } from "./binding-context.ts";

export function createRateLimitOperations({ name, rateLimits, declared }: BindingContext): HostOperations {
  return {
    "ratelimit.limit": async ([bindingName, key]) => {
      const { name: binding, limit, periodSeconds } = declared("ratelimit", bindingName);
      return rateLimits.take({ function: name, binding, key: readKey(key), limit, periodSeconds });
    },
  };
}
