import type { z } from "zod";

/** One kind of binding, as its file describes it. `F`: the facts about a binding that its host works with. */
export interface BindingDescription<K extends string, O extends z.ZodType, F extends object> {
  /** The key in narun.yaml. */
  kind: K;
  /** The value of that key. */
  option: O;
  facts(option: z.infer<O>): F;
  /** The name of the interface that `functions/sdk` exports for it. */
  type: string;
  /** Arguments of the interface's type. Default: none. */
  typeArguments?(facts: F): readonly string[];
  /** The docstring of the property of `env` in `narun-env.d.ts`: one sentence. */
  describe(facts: F): string;
}

/** One property of `env`, as `narun types` writes it. */
export interface EnvProperty {
  name: string;
  /** The interface to import. */
  type: string;
  typeArguments: readonly string[];
  description: string;
}

export interface BindingKind<K extends string, O extends z.ZodType, F extends object> {
  readonly kind: K;
  readonly option: O;
  /** Undefined for a binding of another kind. */
  capabilityOf(binding: BindingOf<K, O>): Capability<K, F> | undefined;
  /** Undefined for a binding of another kind. */
  propertyOf(binding: BindingOf<K, O>): EnvProperty | undefined;
}

type BindingOf<K extends string, O extends z.ZodType> = {
  readonly name: string;
  readonly seal?: string | undefined;
} & {
  readonly [key in K]?: z.infer<O> | undefined;
};

type Capability<K extends string, F extends object> = {
  readonly kind: K;
  readonly name: string;
  /** The label for which its values are sealed. Undefined: they are stored and sent in clear. */
  readonly seal?: string;
} & F;

/** Makes one entry of the registry (index.ts) from a description. */
export function defineBinding<K extends string, O extends z.ZodType, F extends object>({
  kind,
  option,
  facts,
  type,
  typeArguments = () => [],
  describe,
}: BindingDescription<K, O, F>): BindingKind<K, O, F> {
  /** Applies `use` to the facts about a binding of this kind. */
  const ifOurs = <T>(binding: BindingOf<K, O>, use: (facts: F) => T): T | undefined => {
    const value: z.infer<O> | undefined = binding[kind];
    return value === undefined ? undefined : use(facts(value));
  };
  return {
    kind,
    option,
    capabilityOf: (binding) =>
      ifOurs(binding, (known) => ({
        ...{ kind, name: binding.name, ...known },
        ...(binding.seal === undefined ? {} : { seal: binding.seal }),
      })),
    propertyOf: (binding) =>
      ifOurs(binding, (known) => ({
        name: binding.name,
        type,
        typeArguments: typeArguments(known),
        description: describe(known),
      })),
  };
}
