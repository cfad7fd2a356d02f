package oauth

// How a client hears of what a person decided (OpenID CIBA Core §5).
const (
	DeliverPoll = "poll" // it asks
	DeliverPing = "ping" // it is told to ask
	DeliverPush = "push" // it is sent the tokens
)

// How a person hears that a client asks for them. Whoever is signed in finds it at /approve, too.
const (
	TellMail      = "mail"
	TellConnector = "connector" // an SMS gateway, a webhook
	TellNobody    = "page"      // nothing is sent
)

// Backchannel is how a client asks for people by name and hears of what they decide (OpenID CIBA Core §4).
type Backchannel struct {
	Delivery   string `json:"delivery,omitempty" jsonschema:"enum=poll,enum=ping,enum=push" jsonschema_description:"poll: the client asks for its tokens again and again. ping: it is told when to ask. push: it is sent the tokens. Default: poll."`
	Endpoint   string `json:"notification_endpoint,omitempty" jsonschema_description:"ping and push: where the client is told; https."`
	RequestAlg string `json:"request_alg,omitempty" jsonschema:"enum=,enum=ES256,enum=PS256,enum=EdDSA,enum=RS256" jsonschema_description:"Set: backchannel requests must be signed, and this is the only signature taken. Default: signed if the client wants, or what signed_requests or the profile say."`
	Tell       string `json:"tell,omitempty" jsonschema:"enum=mail,enum=connector,enum=page" jsonschema_description:"How the person hears of it: by mail, by a call to a connector (an SMS gateway, a webhook), or only at /approve, where whoever is signed in finds it in any case. Default: mail."`
	Connector  string `json:"connector,omitempty" jsonschema_description:"tell: connector: which one."`
	Post       string `json:"post,omitempty" jsonschema_description:"tell: connector: the path that is posted to."`
	Message    string `json:"binding_message,omitempty" jsonschema:"enum=offered,enum=required" jsonschema_description:"Whether each request must have a binding_message. Default: offered, or what the profile says."`
}

// Delivers is how the client hears of decisions.
func (b Backchannel) Delivers() string {
	if b.Delivery == "" {
		return DeliverPoll
	}
	return b.Delivery
}
