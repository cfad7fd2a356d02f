package client

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// backchannel checks how a client asks for people by name.
func (k *checker) backchannel() {
	c, b := k.c, &k.c.Backchannel
	may := slices.Contains(c.GrantTypes, oauth.GrantBackchannel)
	if may != (c.Flows.Backchannel != "") {
		k.problem("flows.backchannel and the grant type %s come together", oauth.GrantBackchannel)
	}
	if !may {
		if *b != (oauth.Backchannel{}) {
			k.hint("backchannel", "add the grant type, or remove it", "backchannel needs the grant type %s", oauth.GrantBackchannel)
		}
		return
	}
	if !c.Confidential() {
		k.problem("backchannel requests need a client that authenticates")
	}
	message := oauth.Offered
	if k.profile.Message {
		message = oauth.Required
	}
	k.oneOf("backchannel.delivery", &b.Delivery, oauth.DeliverPoll, oauth.DeliverPoll, oauth.DeliverPing, oauth.DeliverPush)
	k.oneOf("backchannel.binding_message", &b.Message, message, oauth.Offered, oauth.Required)
	k.oneOf("backchannel.request_alg", &b.RequestAlg, "", "", foreign.ES256, foreign.PS256, foreign.EdDSA, foreign.RS256)
	k.oneOf("backchannel.tell", &b.Tell, oauth.TellMail, oauth.TellMail, oauth.TellConnector, oauth.TellNobody)
	if calls := b.Tell == oauth.TellConnector; calls != (b.Connector != "") || calls != strings.HasPrefix(b.Post, "/") {
		k.hint("backchannel", "write `tell: connector`, `connector: sms` and `post: /messages`, or none of them", "backchannel.tell connector, connector and post come together")
	}
	const mend = "write notification_endpoint: https://app.example/told; http is for this machine, with allow_private"
	switch told := b.Delivers() != oauth.DeliverPoll; {
	case told && b.Endpoint == "":
		k.hint("backchannel", mend, "backchannel.delivery %s needs a notification_endpoint", b.Delivery)
	case told && !fetchable(b.Endpoint, c.Private):
		k.hint("backchannel", mend, "notification_endpoint %q is no https address", b.Endpoint)
	case !told && b.Endpoint != "":
		k.hint("backchannel", "write `delivery: ping`, or remove it", "a client that polls has no notification_endpoint")
	}
	if keys := len(c.Keys) > 0 || c.JWKSURI != ""; !keys && (b.RequestAlg != "" || c.SignedRequests == oauth.Required) {
		k.hint("backchannel", "add jwks or jwks_uri", "signed backchannel requests need keys of the client's")
	}
	if p := k.profile; p.NoPush && b.Delivery == oauth.DeliverPush {
		k.hint("backchannel", "write `delivery: ping`", "backchannel.delivery push is ruled out by profile %s", p.Name)
	}
	if p := k.profile; p.Algorithms != nil && b.RequestAlg != "" && !slices.Contains(p.Algorithms, b.RequestAlg) {
		k.hint("backchannel", "remove request_alg; the profile decides", "backchannel.request_alg %s is ruled out by profile %s", b.RequestAlg, p.Name)
	}
}
