package main

const settings = `issuer: %s
listen: %s
log-level: warn
password: { memory: 8, iterations: 1, parallelism: 1, waiting: 1000 }
limits: { failures: { burst: 0, per: 1m } }
clients:
  - id: bench
    secrets: [%s]
    redirect_uris: ["http://127.0.0.1:9/cb"]
    grant_types: [authorization_code, refresh_token, client_credentials]
    scopes: [openid, profile, email, api]
    resources: ["https://api.example"]
    audience: ["https://api.example"]
    offline: true
    first_party: true
    introspect: any
    flows: { default: plain, others: [hooked] }
  - id: shipped
    name: Shipped
    auth: none
    redirect_uris: ["http://127.0.0.1:9/cb"]
    scopes: [openid, profile, email]
    first_party: true
    flows: { default: signin }
  - id: bench-jwt
    secrets: [%s]
    grant_types: [client_credentials]
    scopes: [api]
    token_format: jwt
  - id: bench-key
    auth: private_key_jwt
    jwks: %s
    dpop: required
    grant_types: [client_credentials]
    scopes: [api]
  - id: bench-orders
    secrets: [%s]
    grant_types: ["urn:ietf:params:oauth:grant-type:token-exchange"]
    scopes: [api]
    audience: ["https://api.example"]
    resources: ["https://api.example", "https://stock.example"]
    exchange: { audience: ["https://stock.example"] }
gateways:
  api: { client: bench, audience: "https://api.example", scopes: [api] }
providers:
  acme: { title: Acme, issuer: "http://127.0.0.1:9/acme", client_id: stile, vouches: one-factor, allow-private: true }
connectors:
  crm: { base: "http://127.0.0.1:9/crm", allow-private: true, timeout: 100ms, retries: 0 }
`

const plainFlow = `flow: plain
start: who
accept: { urn:stile:basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: password } }
  password: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`

const hookedFlow = `flow: hooked
hooks: hooked.ts
start: who
accept: { urn:stile:hooked: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: password } }
  password: { use: password.verify, next: { ok: risk, forgot: denied, must-change: denied, locked: denied } }
  risk: { use: decide, with: { call: risk }, next: { low: done, high: denied } }
`

const hookedScript = `interface Asked { request: { scopes: string[] }; evidence: { phishingResistant: boolean }[] }

export function risk({ request, evidence }: Asked) {
  const strong = evidence.some((e) => e.phishingResistant);
  return request.scopes.includes("payments") && !strong ? "high" : "low";
}
`
