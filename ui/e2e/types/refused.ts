// Every line below a @ts-expect-error must be refused; the compiler complains when one is not.
import type { After, AfterResult, Before, BeforeResult, Decide, DecideResult, Options, Validate, ValidateResult } from "./every.flow";

export function notCertain({ steps, vars, inputs, request }: Decide<"risk">) {
  // @ts-expect-error the connector's answer is there on one of three ways only
  steps.customer;
  // @ts-expect-error no such step
  steps.whom;
  // @ts-expect-error no such field
  steps.who.domian;
  // @ts-expect-error it may have been left empty
  steps.details.age.toFixed();
  // @ts-expect-error not declared
  vars.teir;
  // @ts-expect-error a number
  vars.tries.toUpperCase();
  // @ts-expect-error not declared
  inputs.name;
  // @ts-expect-error not every client asks for one
  request.max_age.toFixed();
  // @ts-expect-error the engine's own
  request.session;
}

// @ts-expect-error nobody is identified before the password
export function nobodyYet({ subject }: Before<"password">) {
  return subject;
}

// @ts-expect-error only an after hook is given an outcome
export function noOutcome({ outcome }: Decide<"risk">) {
  return outcome;
}

export function wrongOutcome(_: Decide): DecideResult {
  // @ts-expect-error next does not name it
  return "medium";
}

export function wrongObject(_: Decide): DecideResult {
  // @ts-expect-error next does not name it
  return { outcome: "medium" };
}

export function wrongVar({ outcome, output }: After<"customer">): AfterResult {
  if (outcome === "missing") {
    // @ts-expect-error there is no output then
    output.tier;
  }
  // @ts-expect-error not declared
  return { vars: { teir: "gold" } };
}

export function wrongType(_: After<"customer">): AfterResult {
  // @ts-expect-error a text
  return { vars: { tier: 1 } };
}

export function comparison({ outcome }: After<"customer">) {
  // @ts-expect-error no such outcome
  return outcome === "okay";
}

export function wrongSetting(_: Before<"password">): BeforeResult<"password"> {
  // @ts-expect-error password.verify has no such setting
  return { with: { remember: true } };
}

export function wrongField({ fields }: Validate<"details">): ValidateResult<"details"> {
  // @ts-expect-error a checkbox
  fields.news.length;
  // @ts-expect-error no such field
  return { nickname: "Too short" };
}

export function wrongChoice({ options }: Options<"menu">) {
  // @ts-expect-error no such choice
  return options.includes("leave");
}

export async function wrongCalls() {
  // @ts-expect-error not declared in the settings
  await call("crn", { get: "/" });
  // @ts-expect-error no method
  await call("crm", { path: "/" });
  // @ts-expect-error a number
  (await call("crm", { get: "/" })).status.length;
}

// @ts-expect-error no hook decides there
export type NoDecision = Decide<"who">;
// @ts-expect-error no such step
export type NoStep = After<"whom">;
