package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/engine/identity"
)

// How a client authenticates (exactly one per client; RFC 6749 §2.3, OpenID Connect Core §9).
const (
	AuthNone       = "none"
	AuthBasic      = "client_secret_basic"
	AuthPost       = "client_secret_post"
	AuthKey        = "private_key_jwt"             // RFC 7523
	AuthTLS        = "tls_client_auth"             // RFC 8705 §2.1
	AuthSelfSigned = "self_signed_tls_client_auth" // RFC 8705 §2.2
)

// Response types: what the authorization endpoint answers with.
const (
	ResponseCode   = "code"
	ResponseHybrid = "code id_token" // an ID token beside the code (OpenID Connect Core §3.3)
)

// Grant types this server knows (RFC 6749 §4, §6).
const (
	GrantCode        = "authorization_code"
	GrantRefresh     = "refresh_token"
	GrantCredentials = "client_credentials"
	GrantDevice      = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628
	GrantBackchannel = "urn:openid:params:grant-type:ciba"               // OpenID CIBA Core
	GrantAssertion   = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523
	GrantExchange    = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
)

// Values of a client's settings.
const (
	ConsentAsk  = "ask"
	ConsentSkip = "skip"

	FormatOpaque = "opaque"
	FormatJWT    = "jwt"

	SubjectPublic   = "public"
	SubjectPairwise = "pairwise"

	ES256 = "ES256"
	RS256 = "RS256"
	PS256 = "PS256"
	EdDSA = "EdDSA"

	Always = "always"
	Never  = "never"

	Offered  = "offered"
	Required = "required"

	IntrospectNone = "none"
	IntrospectSelf = "self-audience"
	IntrospectAny  = "any"
)

// Client is an OAuth client as its settings say. The zero value of a field stands for its default; client.Check fills
// defaults in and tells what is wrong.
type Client struct {
	ID             string    `json:"id" jsonschema:"required" jsonschema_description:"The client_id. Letters, digits and . _ ~ - ; never shaped like an account's id."`
	Name           string    `json:"name,omitempty" jsonschema_description:"What people see."`
	LogoURI        string    `json:"logo_uri,omitempty" jsonschema_description:"Address of the app's picture, https: PNG, JPEG, GIF or WebP of at most 256 KiB and 2048 pixels a side. It is fetched now and then, drawn anew in a small size and shown from our own origin."`
	PolicyURI      string    `json:"policy_uri,omitempty" jsonschema_description:"An https address of the app's privacy policy; a link on the pages people see on the way to the app. Never fetched."`
	TosURI         string    `json:"tos_uri,omitempty" jsonschema_description:"An https address of the app's terms of service, shown beside it."`
	Translations   Seen      `json:"translations,omitempty" jsonschema_description:"name, logo_uri, policy_uri and tos_uri for people who read other languages, by language tag: de, pt-BR."`
	Secrets        []string  `json:"secrets,omitempty" jsonschema_description:"SHA-256 of each generated secret that is valid now, in hex. Several while a secret is being exchanged."`
	Auth           string    `json:"auth,omitempty" jsonschema:"enum=none,enum=client_secret_basic,enum=client_secret_post,enum=private_key_jwt,enum=tls_client_auth,enum=self_signed_tls_client_auth" jsonschema_description:"How the client authenticates, exactly one way. Default: client_secret_basic with secrets, none without."`
	AuthAlg        string    `json:"auth_alg,omitempty" jsonschema:"enum=,enum=ES256,enum=PS256,enum=EdDSA,enum=RS256" jsonschema_description:"private_key_jwt: the only signature taken. Default: all of them, or those of the profile."`
	LegacyAud      bool      `json:"auth_legacy_audience,omitempty" jsonschema_description:"private_key_jwt: the addresses of the token and backchannel endpoints, and lists, are taken as audience too. Default: the issuer alone, as one text."`
	JWKS           Document  `json:"jwks,omitempty" jsonschema:"type=object" jsonschema_description:"The client's public keys (RFC 7517), written out."`
	JWKSURI        string    `json:"jwks_uri,omitempty" jsonschema_description:"Where the client publishes its keys; https. Instead of jwks."`
	Private        bool      `json:"allow_private,omitempty" jsonschema_description:"jwks_uri, logo_uri, request_uris, the back-channel logout address and notification_endpoint may lie at private addresses, by http on this machine too."`
	Certificate    Subject   `json:"certificate,omitzero" jsonschema_description:"tls_client_auth: whom the certificate must name, in exactly one way."`
	Profile        string    `json:"profile,omitempty" jsonschema:"enum=oauth21,enum=oidc,enum=openid,enum=fapi2,enum=fapi2-message-signing,enum=fapi-ciba" jsonschema_description:"Security profile, see the guide on apps. oidc (or openid): a confidential client may leave PKCE out. Default: oauth21."`
	DPoP           string    `json:"dpop,omitempty" jsonschema:"enum=offered,enum=required" jsonschema_description:"Whether tokens must be bound to a key that each request proves (RFC 9449). Default: offered, or what the profile says."`
	DPoPNonce      string    `json:"dpop_nonce,omitempty" jsonschema:"enum=offered,enum=required" jsonschema_description:"Whether proofs must carry a nonce of the server: a second try now and then, and no trust in the client's clock. Default: offered."`
	TLSBound       bool      `json:"tls_bound,omitempty" jsonschema_description:"Tokens are bound to the certificate the client shows (RFC 8705 §3)."`
	Rotation       string    `json:"refresh_rotation,omitempty" jsonschema:"enum=always,enum=never" jsonschema_description:"Whether each refresh gives a new refresh token. never is for clients that authenticate or must prove a key. Default: always, or what the profile says."`
	PAR            string    `json:"par,omitempty" jsonschema:"enum=offered,enum=required" jsonschema_description:"Whether authorization requests must be pushed first (RFC 9126). Default: offered, or what the profile says."`
	SignedRequests string    `json:"signed_requests,omitempty" jsonschema:"enum=offered,enum=required" jsonschema_description:"Whether authorization requests must be signed objects (RFC 9101). Default: offered to clients with keys, or what the profile says."`
	RequestAlg     string    `json:"request_object_alg,omitempty" jsonschema:"enum=,enum=ES256,enum=PS256,enum=EdDSA,enum=RS256" jsonschema_description:"The only signature of request objects that is taken. Default: all of them, or those of the profile."`
	RequestURIs    []string  `json:"request_uris,omitempty" jsonschema_description:"Addresses request objects may be fetched from, compared as exact strings; https."`
	Modes          []string  `json:"response_modes,omitempty" jsonschema_description:"How answers may travel: query, fragment, form_post, and signed ones: jwt, query.jwt, fragment.jwt, form_post.jwt. Default: the first three, or what the profile says."`
	ResponseAlg    string    `json:"response_alg,omitempty" jsonschema:"enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Signature of answers that are JWTs. Default: ES256."`
	Redirects      []string  `json:"redirect_uris,omitempty" jsonschema_description:"Where people may be sent back to. Compared as exact strings; only the port of 127.0.0.1 and [::1] is free."`
	LogoutURIs     []string  `json:"post_logout_redirect_uris,omitempty" jsonschema_description:"Where people may be sent after signing out. Compared as exact strings."`
	SubjectType    string    `json:"subject_type,omitempty" jsonschema:"enum=public,enum=pairwise" jsonschema_description:"pairwise: people are called differently than for clients of other sectors. Default: public."`
	SectorURI      string    `json:"sector_identifier_uri,omitempty" jsonschema_description:"An https address of a JSON list of redirect URIs; its host is the sector. Needed when they have no host or several."`
	Sector         string    `json:"-"` // filled in by client.Check
	BackLogout     string    `json:"backchannel_logout_uri,omitempty" jsonschema_description:"Where a logout token is posted when a session ends that signed a person in to this client."`
	BackSession    bool      `json:"backchannel_logout_session_required,omitempty" jsonschema_description:"The client needs sid in logout tokens. They always have it."`
	FrontLogout    string    `json:"frontchannel_logout_uri,omitempty" jsonschema_description:"Loaded in a frame of the page that a person sees after signing out, with iss and sid."`
	FrontSession   bool      `json:"frontchannel_logout_session_required,omitempty" jsonschema_description:"The client needs iss and sid there. They are always added."`
	GrantTypes     []string  `json:"grant_types,omitempty" jsonschema_description:"authorization_code, refresh_token, client_credentials. Default: authorization_code."`
	Responses      []string  `json:"response_types,omitempty" jsonschema_description:"code, and under profile oidc for clients that authenticate also 'code id_token': an ID token comes with the code (hybrid flow). Default: code."`
	Scopes         []string  `json:"scopes,omitempty" jsonschema_description:"Scopes the client may ask for; payment:* lets it ask for payment:123 and the like. Default: openid, when it signs people in."`
	Flows          Flows     `json:"flows,omitzero" jsonschema_description:"Flows this client may start."`
	FirstParty     bool      `json:"first_party,omitempty" jsonschema_description:"An app of the same house: consent is not asked unless said otherwise."`
	Challenge      bool      `json:"challenge,omitempty" jsonschema_description:"A first-party app that asks people by itself, without a browser, at the authorization challenge endpoint."`
	Consent        string    `json:"consent,omitempty" jsonschema:"enum=ask,enum=skip" jsonschema_description:"Whether people are asked what the client may have. Default: skip for first-party clients, else ask."`
	Format         string    `json:"token_format,omitempty" jsonschema:"enum=opaque,enum=jwt" jsonschema_description:"Form of access tokens. Default: opaque."`
	TokenAlg       string    `json:"token_alg,omitempty" jsonschema:"enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Signature of access tokens that are JWTs. Default: ES256."`
	IDTokenAlg     string    `json:"id_token_alg,omitempty" jsonschema:"enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Signature of ID tokens. Default: ES256."`
	UserinfoAlg    string    `json:"userinfo_alg,omitempty" jsonschema:"enum=,enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Set: userinfo is answered as a signed JWT. Default: plain JSON."`
	IDTokenEncAlg  string    `json:"id_token_encryption_alg,omitempty" jsonschema:"enum=,enum=RSA-OAEP-256,enum=ECDH-ES,enum=ECDH-ES+A256KW" jsonschema_description:"Set: ID tokens and logout tokens are encrypted, after they were signed, to a key of jwks or jwks_uri whose use is enc. Default: they are signed alone."`
	IDTokenEnc     string    `json:"id_token_encryption_enc,omitempty" jsonschema:"enum=A128CBC-HS256,enum=A128GCM,enum=A256GCM" jsonschema_description:"How their content is encrypted. Default: A128CBC-HS256."`
	UserinfoEncAlg string    `json:"userinfo_encryption_alg,omitempty" jsonschema:"enum=,enum=RSA-OAEP-256,enum=ECDH-ES,enum=ECDH-ES+A256KW" jsonschema_description:"Set: userinfo is answered as a JWT that is signed by userinfo_alg and then encrypted."`
	UserinfoEnc    string    `json:"userinfo_encryption_enc,omitempty" jsonschema:"enum=A128CBC-HS256,enum=A128GCM,enum=A256GCM" jsonschema_description:"How its content is encrypted. Default: A128CBC-HS256."`
	Introspect     string    `json:"introspect,omitempty" jsonschema:"enum=none,enum=self-audience,enum=any" jsonschema_description:"Which tokens the client may ask about: none, those it is an audience of, any. Default: self-audience."`
	AnswerAlg      string    `json:"introspection_alg,omitempty" jsonschema:"enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Signature of introspection answers that are JWTs. Default: ES256."`
	Answer         string    `json:"introspection_answer,omitempty" jsonschema:"enum=json,enum=token-introspection+jwt,enum=jwt" jsonschema_description:"Form of introspection answers when the request's Accept header names none of them. Default: json."`
	Origins        []string  `json:"web_origins,omitempty" jsonschema_description:"Origins of pages whose scripts may fetch, renew and revoke this client's tokens, push requests and read userinfo."`
	Theme          string    `json:"theme,omitempty" jsonschema_description:"Look of the pages people see."`
	Claims         Claims    `json:"claims,omitempty" jsonschema_description:"Fixed values by name, for claims that come from: client."`
	Lifetimes      Lifetimes `json:"lifetimes,omitzero" jsonschema_description:"How long things last."`
	Offline        bool      `json:"offline,omitempty" jsonschema_description:"Whether offline_access may be granted: refresh tokens that outlive the session."`
	MaxAge         *int      `json:"default_max_age,omitempty" jsonschema:"minimum=0" jsonschema_description:"Seconds since a person last proved who they are, when the request does not say."`
	ACR            []string  `json:"acr,omitempty" jsonschema_description:"Assurances of which one must be reached, whatever the request says."`
	DefaultACR     []string  `json:"default_acr_values,omitempty" jsonschema_description:"Assurances wished for, in order of preference, when the request does not say."`
	Silent         bool      `json:"silent,omitempty" jsonschema_description:"The app renews sign-ins by prompt=none. stile check then refuses a default flow that can never end without asking."`
	Audience       []string  `json:"audience,omitempty" jsonschema_description:"Names under which this client is a resource server: it may ask about tokens for them. Its id always counts."`
	Exchange       Exchange  `json:"exchange,omitzero" jsonschema_description:"What the client may exchange tokens for (RFC 8693). With nothing here: tokens that are for it, for some of the same audiences, with itself named as the one who acts."`
	MayAct         string    `json:"may_act,omitempty" jsonschema_description:"The only one who may act for people by tokens of this client: the id of a client or of an account."`
	Resources      []string  `json:"resources,omitempty" jsonschema_description:"Audiences that tokens of this client may be for; all of them unless the request picks (RFC 8707)."`

	Backchannel Backchannel `json:"backchannel,omitzero" jsonschema_description:"How the client asks for people by name and hears of what they decide (OpenID CIBA)."`

	Details []string `json:"authorization_details_types,omitempty" jsonschema_description:"Types of authorization details the client may ask for (RFC 9396)."`

	Keys []jose.JSONWebKey `json:"-"` // of JWKS, read by client.Check
}

// Document is a JSON document inside the settings, kept as it is.
type Document = json.RawMessage

// Seen is what people see of a client, by language tag.
type Seen = map[string]Shown

// Claims are values by claim.
type Claims = map[string]Document

// Subject is what a client's certificate must name (RFC 8705 §2.1.2).
type Subject struct {
	DN    string `json:"subject,omitempty" jsonschema_description:"The subject as RFC 4514 writes it: CN=app,O=Example,C=DE."`
	DNS   string `json:"san_dns,omitempty"`
	URI   string `json:"san_uri,omitempty"`
	IP    string `json:"san_ip,omitempty"`
	Email string `json:"san_email,omitempty"`
}

// Flows says which flows a client may start.
type Flows struct {
	Default string   `json:"default,omitempty" jsonschema_description:"The flow that signs people in."`
	Create  string   `json:"create,omitempty" jsonschema_description:"The flow for prompt=create."`
	Others  []string `json:"others,omitempty" jsonschema_description:"Flows an essential acr may pick, in order, after the default."`

	Device      string `json:"device,omitempty" jsonschema_description:"The flow in which a person decides about a device that shows a code. It ends behind ask.approve."`
	Backchannel string `json:"backchannel,omitempty" jsonschema_description:"The flow in which a person decides about a backchannel request. It ends behind ask.approve."`
}

// Waits is the flow that decides about what waits: a device or a backchannel request.
func (f Flows) Waits(kind string) string {
	if kind == "device" {
		return f.Device
	}
	return f.Backchannel
}

// Exchange is what a client may exchange tokens for.
type Exchange struct {
	From        []string `json:"from,omitempty" jsonschema_description:"Clients whose tokens may be presented. Default: all, as far as their tokens are for this client."`
	Audience    []string `json:"audience,omitempty" jsonschema_description:"Audiences beyond those of the token presented. Each is one of the client's resources."`
	Impersonate bool     `json:"impersonate,omitempty" jsonschema_description:"Without an actor_token the new token does not say who acts. Default: it names this client."`
}

// All lists the flows, the default first.
func (f Flows) All() []string {
	var out []string
	for _, n := range append([]string{f.Default, f.Create, f.Device, f.Backchannel}, f.Others...) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// Has reports whether the client may (still) use the flow.
func (f Flows) Has(flow string) bool {
	return flow != "" && (flow == f.Default || flow == f.Create || flow == f.Device || flow == f.Backchannel || slices.Contains(f.Others, flow))
}

// Confidential reports whether the client can keep a secret.
func (c *Client) Confidential() bool { return c.Auth != AuthNone }

// Secret reports whether the client authenticates by a secret.
func (c *Client) Secret() bool { return c.Auth == AuthBasic || c.Auth == AuthPost }

// Holds checks at a door what may have changed since a grant was made: it is this client's, its account is active, and the client may
// still use the flow it came from, or bring the assertions that stood in for one.
func (c *Client) Holds(l *identity.Live) bool {
	from := c.Flows.Has(l.Grant.Flow) || l.Grant.Flow == GrantAssertion && slices.Contains(c.GrantTypes, GrantAssertion)
	return l.Grant.Client == c.ID && l.Account.Status == identity.Active && from
}

// Stands checks the same for a token: it is a client's own, or the client got it by exchange, which it may still do, from the client that the
// grant belongs to, which must still hold it.
func Stands(ctx context.Context, clients Clients, c *Client, l *identity.Live) (bool, error) {
	if c.ID == l.Grant.Client {
		return c.Holds(l), nil
	}
	if !slices.Contains(c.GrantTypes, GrantExchange) {
		return false, nil
	}
	owner, err := clients.Client(ctx, l.Grant.Client)
	if errors.Is(err, ErrNoClient) {
		return false, nil
	}
	return err == nil && owner.Holds(l), err
}

// Clients finds clients. It is asked at every door, so a client that was removed or disabled stops there at once.
type Clients interface {
	// Client returns a client that may be used now; ErrNoClient otherwise. The result is shared: nobody writes to it.
	Client(ctx context.Context, id string) (*Client, error)
	// Origin reports whether some client may have the web origin. What only one client may read, its own origins decide.
	Origin(ctx context.Context, origin string) bool
}

// ErrNoClient: there is no such client, or it is disabled.
var ErrNoClient = errors.New("oauth: no such client")

// Scopes that begin with ScopeOurs are for Stile's own interfaces. ScopeClients lets a client's own token manage clients that registered.
const (
	ScopeOurs    = "stile:"
	ScopeClients = "stile:clients"
)
