/** Descriptions of services for tests, as a push puts them into specs. */
import { type ServiceDescription, ServiceDescriptionSchema } from "../../contracts/index.ts";

type Given = Omit<Partial<ServiceDescription>, "actions"> & { actions: Record<string, unknown>[] };

/** A description with defaults: each action is a POST without an input. */
export function serviceInterface(service: string, { actions, ...facts }: Given): ServiceDescription {
  return ServiceDescriptionSchema.parse({
    version: "1.0.0",
    ...facts,
    actions: actions.map((action) => ({
      subject: `${service}.${action.name}`,
      method: "POST",
      isReadOnly: false,
      isIdempotent: false,
      isTool: false,
      ...action,
    })),
  });
}

/** The service of the documentation's examples. */
export const ordersInterface: ServiceDescription = serviceInterface("orders", {
  version: "1.2.0",
  description: "Orders and their payment.",
  actions: [
    {
      name: "get",
      ...{ path: "/orders/{id}", method: "GET", isReadOnly: true, isIdempotent: true, isTool: true },
      description: "One order.",
      input: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
      output: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: { id: { type: "string" }, lines: { type: "array", items: { $ref: "#/$defs/Line" } } },
        required: ["id"],
        $defs: {
          Line: { type: "object", properties: { sku: { type: "string" }, next: { $ref: "#/$defs/Line" } } },
        },
      },
      errors: [
        {
          name: "OrderNotFound",
          status: 404,
          data: { type: "object", properties: { id: { type: "string" } } },
        },
      ],
    },
    {
      name: "pay",
      ...{ path: "/orders/{id}/pay", isIdempotent: true, isTool: true },
      input: {
        type: "object",
        properties: { id: { type: "string" }, cents: { type: "integer", minimum: 1 } },
        required: ["id", "cents"],
      },
      output: { type: "object", properties: { receipt: { type: "string" } }, required: ["receipt"] },
    },
    {
      name: "item",
      subject: "orders.item.{id}",
      input: { type: "object", properties: { id: { type: "string" } } },
    },
    { name: "sweep" },
  ],
});
