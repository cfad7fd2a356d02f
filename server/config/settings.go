// Package config reads the settings file: the same YAML and schema path as flows, so that every mistake has a line, a
// column and a way to mend it. Unknown keys are refused, secrets come by reference only.
package config

import (
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/bff"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/gateway"
	"github.com/stile-id/stile/server/oauth/kind"
)

// Settings is the settings file.
type Settings struct {
	Schema     string               `json:"$schema,omitempty"`
	Issuer     string               `json:"issuer" jsonschema:"required" jsonschema_description:"Public address of the server, without a slash at the end. https, or http on localhost."`
	Name       string               `json:"name,omitempty" jsonschema_description:"What people see where no client is named. Default: the issuer's host."`
	Listen     string               `json:"listen,omitempty" jsonschema_description:"Address to listen on. Default: localhost:8080."`
	Data       string               `json:"data,omitempty" jsonschema_description:"Directory for the embedded store and the master key. Default: ./data beside this file."`
	Flows      string               `json:"flows,omitempty" jsonschema_description:"Directory of the flows. Default: flows, beside this file. stile init DIR writes some to begin with."`
	Themes     string               `json:"themes,omitempty" jsonschema_description:"Directory of the themes, one folder each."`
	Ledger     Ref                  `json:"ledger,omitempty" jsonschema_description:"postgres://… as env: or file: reference, or written out when it holds no password. Default: SQLite in the data directory."`
	Transient  Ref                  `json:"transient,omitempty" jsonschema_description:"redis://… or rediss://…, likewise. Default: beside the ledger in SQLite."`
	MasterKey  Ref                  `json:"master-key,omitempty" jsonschema_description:"32 bytes in base64, as env: or file: reference. Default: master.key in the data directory, made on first start."`
	KeyFolder  string               `json:"key-folder,omitempty" jsonschema_description:"Directory of the private signing keys, one file each (PEM, mode 0600), shared by all nodes. Default: they lie in the ledger, sealed under the master key."`
	Proxies    []string             `json:"trusted-proxies,omitempty" jsonschema_description:"Networks (CIDR) whose forwarding headers are believed. Default: none."`
	TLS        *TLS                 `json:"tls,omitempty" jsonschema_description:"Serve https directly."`
	MutualTLS  *MutualTLS           `json:"mutual-tls,omitempty" jsonschema_description:"How clients show certificates (RFC 8705)."`
	Password   Password             `json:"password,omitzero" jsonschema_description:"Cost of a password hash (argon2id)."`
	Hooks      Hooks                `json:"hooks,omitzero" jsonschema_description:"How scripts run."`
	Mail       Mail                 `json:"mail,omitzero" jsonschema_description:"How mail leaves."`
	AccountURL string               `json:"account-url,omitempty" jsonschema_description:"Where people manage their account: an app that asks for the account flow. Browsers and password managers are led there."`
	Clients    []oauth.Client       `json:"clients,omitempty" jsonschema_description:"Apps. In client secrets, env:NAME and file:PATH stand for the secret itself; anything else is its SHA-256 in hex."`
	Providers  map[string]Provider  `json:"providers,omitempty" jsonschema_description:"Outside identity providers, by name."`
	Connectors map[string]Connector `json:"connectors,omitempty" jsonschema_description:"Outside systems that steps and hooks may call, by name."`
	Claims     claims.Settings      `json:"claims,omitempty" jsonschema_description:"Claims by name: where each comes from, which scope lets it out, and where it goes."`
	Details    details.Settings     `json:"authorization-details,omitempty" jsonschema_description:"Types of rich authorization requests (RFC 9396), by name."`
	ClaimsHook string               `json:"claims-hook,omitempty" jsonschema_description:"A .ts or .js file beside this one with the functions claims come from; one named claims sees all of them last."`
	Exchanges  string               `json:"exchange-hook,omitempty" jsonschema_description:"A .ts or .js file beside this one with the function exchange, which allows, narrows or refuses token exchanges."`
	Assertions map[string]Assertion `json:"assertion-issuers,omitempty" jsonschema_description:"Issuers whose signed statements about people clients may bring in place of a sign-in (RFC 7523), by name."`
	Registered *kind.Settings       `json:"registration,omitempty" jsonschema_description:"Clients that register themselves at /register (RFC 7591). Default: none can."`
	Register   string               `json:"registration-hook,omitempty" jsonschema_description:"A .ts or .js file beside this one with the function client, which allows, changes or refuses registrations."`
	Handlers   bff.Settings         `json:"token-handlers,omitempty" jsonschema_description:"Single-page apps whose tokens are kept here, by client id: /bff/CLIENT/…"`
	Gateways   gateway.Settings     `json:"gateways,omitempty" jsonschema_description:"APIs behind a gateway that asks for each request, by name: /gateway/NAME."`
	Lifetimes  Lifetimes            `json:"lifetimes,omitzero" jsonschema_description:"How long things last."`
	Limits     Limits               `json:"limits,omitzero" jsonschema_description:"How much one network address may do."`
	Region     string               `json:"region,omitempty" jsonschema:"pattern=^[A-Z][A-Z]$" jsonschema_description:"Country of phone numbers written without a prefix, two letters."`
	AuditKeep  action.Duration      `json:"audit-keep,omitempty" jsonschema_description:"How long the audit trail is kept. Default: 400d."`
	Trails     Trails               `json:"trails,omitzero" jsonschema_description:"What is kept of journeys, so that they can be explained and replayed. It holds no secret."`
	LogLevel   string               `json:"log-level,omitempty" jsonschema:"enum=debug,enum=info,enum=warn,enum=error" jsonschema_description:"Default: info."`
}

// Trails says what is kept of journeys.
type Trails struct {
	Keep action.Duration `json:"keep,omitempty" jsonschema_description:"How long. Default 30d."`
	Off  bool            `json:"off,omitempty" jsonschema_description:"Keep none."`
}

// TLS names certificate and key files (PEM).
type TLS struct {
	Cert string `json:"cert" jsonschema:"required"`
	Key  string `json:"key" jsonschema:"required"`
}

// MutualTLS says where clients that show certificates call. Asking for certificates there alone keeps browsers from asking people for theirs.
type MutualTLS struct {
	Listen      string `json:"listen,omitempty" jsonschema_description:"A second address to listen on, with the certificate under tls; callers are asked for theirs."`
	URL         string `json:"url,omitempty" jsonschema_description:"The public address of that place, such as https://mtls.example.com; told in the metadata. Default: the issuer."`
	Authorities string `json:"authorities,omitempty" jsonschema_description:"File (PEM) with the authorities that stand behind certificates of tls_client_auth."`
	Header      string `json:"header,omitempty" jsonschema_description:"Header in which a trusted proxy writes the caller's certificate: PEM with percent signs, base64, or RFC 9440."`
}

// Password is the cost of argon2id (RFC 9106) and how many hashes run and wait at once.
type Password struct {
	Memory      uint32 `json:"memory,omitempty" jsonschema:"minimum=8,maximum=4194304" jsonschema_description:"KiB. Default 19456."`
	Iterations  int    `json:"iterations,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Default 2."`
	Parallelism int    `json:"parallelism,omitempty" jsonschema:"minimum=1,maximum=64" jsonschema_description:"Default 1."`
	AtOnce      int    `json:"at-once,omitempty" jsonschema:"minimum=1,maximum=1024" jsonschema_description:"Hashes computed at once. Default: the number of processors."`
	Waiting     int    `json:"waiting,omitempty" jsonschema:"minimum=1,maximum=100000" jsonschema_description:"Callers that may wait; others see 'try again'. Default 64."`
}

// Hooks says how scripts run.
type Hooks struct {
	Workers   int             `json:"workers,omitempty" jsonschema:"minimum=1,maximum=256" jsonschema_description:"Worker processes. Default 2."`
	Deadline  action.Duration `json:"deadline,omitempty" jsonschema_description:"A hook's own running time. Default 100ms."`
	Memory    int             `json:"memory,omitempty" jsonschema:"minimum=16,maximum=4096" jsonschema_description:"MiB a worker may take. Default 128. Linux only."`
	Isolation string          `json:"isolation,omitempty" jsonschema:"enum=process,enum=inline" jsonschema_description:"inline runs scripts inside the server, for development alone. Default process."`
}

// Mail says how mail leaves: SMTP with STARTTLS, or TLS from the start on port 465.
type Mail struct {
	From     string `json:"from,omitempty" jsonschema_description:"Sender: Name <address>."`
	SMTP     string `json:"smtp,omitempty" jsonschema_description:"host:port of the server that takes the mail."`
	Username string `json:"username,omitempty"`
	Password Ref    `json:"password,omitempty" jsonschema_description:"By reference: env:NAME or file:PATH."`
	TLS      string `json:"tls,omitempty" jsonschema:"enum=starttls,enum=tls,enum=none" jsonschema_description:"none only for a server on this machine. Default starttls."`
}

// Provider is an outside OpenID provider.
type Provider struct {
	Title        string   `json:"title,omitempty" jsonschema_description:"What people call it."`
	Issuer       string   `json:"issuer" jsonschema:"required"`
	ClientID     string   `json:"client_id" jsonschema:"required"`
	ClientSecret Ref      `json:"client_secret,omitempty" jsonschema_description:"By reference: env:NAME or file:PATH."`
	Scopes       []string `json:"scopes,omitempty" jsonschema_description:"Besides openid."`
	Vouches      string   `json:"vouches,omitempty" jsonschema:"enum=one-factor,enum=two-factor" jsonschema_description:"What its answer is worth here. Default: nothing."`
	Private      bool     `json:"allow-private,omitempty" jsonschema_description:"It may lie at a private address."`
}

// Assertion is a trusted issuer of statements about people.
type Assertion struct {
	Issuer     string            `json:"issuer" jsonschema:"required" jsonschema_description:"Its iss, exactly."`
	Keys       Ref               `json:"jwks,omitempty" jsonschema_description:"Its public keys: a JWK set as file:PATH, env:NAME or written out."`
	URI        string            `json:"jwks_uri,omitempty" jsonschema_description:"Where they are fetched, over https."`
	Private    bool              `json:"allow-private,omitempty" jsonschema_description:"jwks_uri may lie at a private address."`
	Algorithms []string          `json:"algorithms,omitempty" jsonschema:"enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Signatures it makes. Default: all of them."`
	Clients    []string          `json:"clients" jsonschema:"required,minItems=1" jsonschema_description:"Clients that may bring its statements."`
	Scopes     []string          `json:"scopes,omitempty" jsonschema_description:"What they may get, within their own scopes. No openid, no offline_access."`
	Links      bool              `json:"links,omitempty" jsonschema_description:"Its subjects are the people who signed in through this issuer before: those whose account is linked to (iss, sub)."`
	Accounts   map[string]string `json:"accounts,omitempty" jsonschema_description:"Its subjects one by one, each with the id of an account."`
	Lifetime   action.Duration   `json:"lifetime,omitempty" jsonschema_description:"The longest a statement may be good for. Default 5m, at most 1h."`
}

// Connector is an outside HTTP system that answers JSON.
type Connector struct {
	Base    string            `json:"base" jsonschema:"required" jsonschema_description:"Address that paths are appended to."`
	Bearer  Ref               `json:"bearer,omitempty" jsonschema_description:"Token for the Authorization header, by reference."`
	Basic   *Basic            `json:"basic,omitempty" jsonschema_description:"User and password."`
	Headers map[string]string `json:"headers,omitempty" jsonschema_description:"Further headers; no secrets."`
	Timeout action.Duration   `json:"timeout,omitempty" jsonschema_description:"Default 2s, at most 10s."`
	Cache   action.Duration   `json:"cache,omitempty" jsonschema_description:"How long answers to GET are kept. Default: not at all."`
	Retries *int              `json:"retries,omitempty" jsonschema:"minimum=0,maximum=3" jsonschema_description:"Of GET, when no answer came. Default 1."`
	Private bool              `json:"allow-private,omitempty" jsonschema_description:"It may lie at a private address."`
}

// Basic is a user and a password.
type Basic struct {
	Username string `json:"username" jsonschema:"required"`
	Password Ref    `json:"password" jsonschema:"required"`
}

// Lifetimes of what is not a client's own affair.
type Lifetimes struct {
	Journey         action.Duration `json:"journey,omitempty" jsonschema_description:"Default 30m."`
	SessionIdle     action.Duration `json:"session-idle,omitempty" jsonschema_description:"Default 12h."`
	SessionAbsolute action.Duration `json:"session-absolute,omitempty" jsonschema_description:"Default 7d."`
	KeyRotation     action.Duration `json:"key-rotation,omitempty" jsonschema_description:"Default 90d."`
}

// Limit is so many in so long a time; burst 0 is no limit.
type Limit struct {
	Burst int             `json:"burst" jsonschema:"required,minimum=0"`
	Per   action.Duration `json:"per" jsonschema:"required"`
}

// Limits per network address: IPv4 whole, IPv6 by /64.
type Limits struct {
	Failures      *Limit `json:"failures,omitempty" jsonschema_description:"Wrong answers. Default 60 in 10m."`
	Journeys      *Limit `json:"journeys,omitempty" jsonschema_description:"Sign-ins and sign-ups begun. Default: no limit."`
	Registrations *Limit `json:"registrations,omitempty" jsonschema_description:"Clients registered without an initial access token. Default 10 in 1h."`
	Asked         *Limit `json:"asked,omitempty" jsonschema_description:"Backchannel requests to one person, by all clients; not per address. Default 5 in 10m."`
	Mail          *Limit `json:"mail,omitempty" jsonschema_description:"Mails caused. Default 30 in 1h."`
}

// Or is the time set, or the default.
func Or(d action.Duration, otherwise time.Duration) time.Duration {
	if d > 0 {
		return time.Duration(d)
	}
	return otherwise
}
