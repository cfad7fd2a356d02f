package identity

// SignedOut says that a session has ended which signed a person in to a client. The ledger puts one into the outbox for each client
// that wants to be told, in the transaction that ends the session, under the kind SignedOutKind.
type SignedOut struct {
	Client  string `json:"client"`
	Account string `json:"account"`
	Session string `json:"session"`
}

// SignedOutKind is what the outbox calls messages whose body is a SignedOut.
const SignedOutKind = "logout"

// Hearing is what a client wants to know of a session's end: Later, off any request, from us; Seen, in the browser that signs out.
type Hearing struct{ Later, Seen bool }
