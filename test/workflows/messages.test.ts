import { expectTypeOf, it } from "vitest";
import type * as contracts from "../../contracts/index.ts";
import type * as sdk from "../../functions/sdk/workflow/messages.ts";

it("the messages of a journal are the same for the code and for its hosts", () => {
  expectTypeOf<sdk.JournalMessage>().toEqualTypeOf<contracts.JournalMessage>();
  expectTypeOf<sdk.WorkflowRecord>().toEqualTypeOf<contracts.WorkflowRecord>();
  expectTypeOf<sdk.WorkflowInput>().toEqualTypeOf<contracts.WorkflowInput>();
  expectTypeOf<sdk.WorkflowOutcome>().toEqualTypeOf<contracts.WorkflowOutcome>();
});
