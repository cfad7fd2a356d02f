package oauth

// How a client hears of what a person decided (OpenID CIBA Core §5).
const (
	DeliverPoll = "poll" // it asks
	DeliverPing = "ping" // it is told to ask
	DeliverPush = "push" // it is sent the tokens
)

// Backchannel is how a client asks for people by name and hears of what they decide (OpenID CIBA Core §4).
type Backchannel struct {
	Delivery   string `json:"delivery,omitempty" jsonschema:"enum=poll,enum=ping,enum=push" jsonschema_description:"poll: the client asks for its tokens again and again. ping: it is told when to ask. push: it is sent the tokens. Default: poll."`
	Endpoint   string `json:"notification_endpoint,omitempty" jsonschema_description:"ping and push: where the client is told; https."`
	RequestAlg string `json:"request_alg,omitempty" jsonschema:"enum=,enum=ES256,enum=PS256,enum=EdDSA,enum=RS256" jsonschema_description:"Set: backchannel requests must be signed, and this is the only signature taken. Default: signed if the client wants, or what signed_requests or the profile say."`
	Message    string `json:"binding_message,omitempty" jsonschema:"enum=offered,enum=required" jsonschema_description:"Whether each request must have a binding_message. Default: offered, or what the profile says."`
}

// Delivers is how the client hears of decisions.
func (b Backchannel) Delivers() string {
	if b.Delivery == "" {
		return DeliverPoll
	}
	return b.Delivery
}
