import type { After, AfterResult, Before, BeforeResult, Decide, DecideResult, Options, OptionsResult, Validate, ValidateResult } from "./every.flow";

export function greet({ steps, settings, request }: Before<"password">): BeforeResult<"password"> {
  return { with: { title: `${steps.who.identifier.toUpperCase()} at ${request.client}`, label: settings.label } };
}

export function wellFormed({ fields, subject }: Validate<"details">): ValidateResult<"details"> {
  if (fields.nick.length < 2) return { nick: `Too short, ${subject.email ?? "you"}` };
  if (fields.age !== undefined && fields.age < 18) return { age: "Too young" };
}

export async function keep({ outcome, output, inputs }: After<"customer">): Promise<AfterResult> {
  if (outcome !== "ok") return { vars: { tier: inputs.hint } };
  const again = await call("crm", { post: `/seen`, body: { tier: output.tier } });
  return { output: { status: again.status }, vars: { tier: output.tier, tags: [again.json?.tag] }, require: "urn:x:basic" };
}

// Nothing is annotated but what it is given: what it returns is compared all the same.
export function risk({ evidence, steps, vars }: Decide) {
  const fresh = evidence.some((e) => e.phishingResistant && e.age < 60);
  return fresh || steps.details.news || vars.tries < 3 ? "low" : "high";
}

export const shown = ({ options }: Options<"menu">): OptionsResult<"menu"> => options.filter((o) => o !== "stay");

export function decideTwice({ request }: Decide<"risk">): DecideResult<"risk"> {
  return { outcome: request.scopes.includes("pay") ? "high" : "low", vars: { tries: 1 } };
}
