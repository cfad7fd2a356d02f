// Made by `stile types` from signin.yaml; do not edit. What the hooks of this flow are given, and what they may return.
import type * as hooks from "./signin.js";

/** What the journey was asked for. */
export interface Request {
  client: string;
  client_name?: string;
  scopes: string[];
  /** Scopes among them that are asked about each time and not remembered. */
  once?: string[];
  acr: string[];
  essential_acr: string[];
  max_age?: number;
  login_hint?: string;
  locale: string[];
  ip?: string;
  user_agent?: string;
  authorization_details?: any;
}

/** The account that was identified, without its credentials' secrets. */
export interface Subject {
  id: string;
  status: string;
  attributes: { [name: string]: any };
  /** How many credentials of each kind it has. */
  credentials: { [kind: string]: number | undefined };
  identifiers: { kind: "email" | "phone" | "username"; value: string; verified: boolean }[];
  email?: string;
  email_verified?: boolean;
  phone?: string;
  username?: string;
}

/** One thing that was proved in this journey. */
export interface Evidence {
  method: string;
  facts: string[];
  amr: string[];
  /** When, in seconds since 1970. */
  at: number;
  /** Seconds ago. */
  age: number;
  phishingResistant: boolean;
  userVerified: boolean;
  credential: string;
}

/** The flow's own values. */
export interface Vars {
  tier: string;
}

/** What a calling flow hands in. */
export interface Inputs {}

interface Known {
  request: Request;
  vars: Vars;
  inputs: Inputs;
  /** Claims set so far. */
  claims: { [name: string]: any };
  evidence: Evidence[];
}

/** What steps give, once they ran. */
interface Outputs {
  who: { can_passkey: boolean; canonical: string; domain: string; identifier: string; kind: string };
  workforce: { email: string; email_verified: boolean; family_name: string; given_name: string; issuer: string; locale: string; name: string; subject: string };
  customer: any;
}

/** What is certainly there when a step begins. */
interface At {
  session: Known & { steps: {} };
  who: Known & { steps: {} };
  route: Known & { steps: Pick<Outputs, "who"> };
  workforce: Known & { steps: Pick<Outputs, "who"> };
  away: Known & { steps: Pick<Outputs, "who"> };
  link: Known & { steps: Pick<Outputs, "who" | "workforce"> };
  password: Known & { steps: Pick<Outputs, "who"> };
  recover: Known & { steps: Pick<Outputs, "who"> };
  signup: Known & { steps: {} };
  customer: Known & { subject: Subject; steps: {} };
  claims: Known & { subject: Subject; steps: {} };
  offer: Known & { subject: Subject; steps: {} };
}

interface Settings {
  session: { accept: string; "max-age"?: string };
  who: { create?: string; label?: string | { [name: string]: string }; passkey?: "autofill" | "off"; takes?: "email" | "any"; title?: string | { [name: string]: string } };
  route: { cases: { then: string; when: string }[]; default: string };
  workforce: { login_hint?: string; prompt?: "login" | "select_account" | "consent"; provider: string };
  away: { button?: string | { [name: string]: string }; no?: string | { [name: string]: string }; text?: string | { [name: string]: string }; title: string | { [name: string]: string }; yes?: string | { [name: string]: string } };
  link: { attributes?: { [name: string]: any }; create?: boolean };
  password: { for?: "anyone" | "subject"; identifier?: string; label?: string | { [name: string]: string }; title?: string | { [name: string]: string } };
  customer: { body?: any; connector: string; get?: string; post?: string; put?: string; query?: { [name: string]: string }; timeout?: string };
  claims: { [name: string]: any };
  offer: { snooze?: string; times?: number; title?: string | { [name: string]: string } };
}
/** What a `before` hook is given. */
export type Before<Step extends keyof Settings = keyof Settings> = Step extends keyof Settings ? At[Step] & { settings: Settings[Step] } : never;

interface Ends {
  session: { outcome: "fresh"; output: null } | { outcome: "stale"; output: null } | { outcome: "none"; output: null };
  who: { outcome: "given"; output: { can_passkey: boolean; canonical: string; domain: string; identifier: string; kind: string } } | { outcome: "passkey"; output: null } | { outcome: "create"; output: null };
  route: { outcome: "staff"; output: null } | { outcome: "others"; output: null };
  workforce: { outcome: "ok"; output: { email: string; email_verified: boolean; family_name: string; given_name: string; issuer: string; locale: string; name: string; subject: string } } | { outcome: "cancelled"; output: null } | { outcome: "unavailable"; output: null };
  away: { outcome: "ok"; output: null };
  link: { outcome: "known"; output: null } | { outcome: "linked"; output: null } | { outcome: "refused"; output: null } | { outcome: "created"; output: null };
  password: { outcome: "ok"; output: null } | { outcome: "forgot"; output: null } | { outcome: "must-change"; output: null } | { outcome: "locked"; output: null };
  customer: { outcome: "ok"; output: any } | { outcome: "missing"; output: null } | { outcome: "failed"; output: null };
  claims: { outcome: "ok"; output: null };
  offer: { outcome: "created"; output: null } | { outcome: "later"; output: null } | { outcome: "never"; output: null } | { outcome: "enough"; output: null };
}
/** What an `after` hook is given. */
export type After<Step extends keyof Ends = keyof Ends> = Step extends keyof Ends ? At[Step] & Ends[Step] : never;

/** A hook may set vars, and demand an acr that the journey must then reach. */
interface Effects {
  vars?: Partial<Vars>;
  require?: string;
}

/** Settings to lay over those of the step; never what it gives or needs. */
export type BeforeResult<Step extends keyof Settings = keyof Settings> = { with?: Partial<Settings[Step]>; require?: string } | null | undefined | void;

/** The output in place of the step's own; never the outcome. */
export type AfterResult = ({ output?: any } & Effects) | null | undefined | void;

type Fits<Hook extends (given: Given) => Result | Promise<Result>, Given, Result> = Hook;
/** An error here is about what a hook reads or returns. */
export interface Checked {
  "customer.after": Fits<typeof hooks.keepTier, After<"customer">, AfterResult>;
}

/** What a declared connector is asked: one method with a path. */
export type ConnectorRequest = { query?: { [name: string]: string }; body?: unknown } & (
  | { get: string }
  | { post: string }
  | { put: string }
  | { patch: string }
  | { delete: string }
);

/** Its answer: any status, and the body where it is JSON. */
export interface ConnectorReply {
  status: number;
  json?: any;
}

declare global {
  /** Asks a declared connector. No answer in time is an error, which takes the step's error edge unless it is caught. */
  function call(connector: "crm", request: ConnectorRequest): Promise<ConnectorReply>;
}
