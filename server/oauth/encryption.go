package oauth

// Algorithms and encodings of encrypted answers (RFC 7518 §4.1, §5.1).
const (
	RSAOAEP256   = "RSA-OAEP-256"
	ECDHES       = "ECDH-ES"
	ECDHESA256KW = "ECDH-ES+A256KW"

	A128CBCHS256 = "A128CBC-HS256"
	A128GCM      = "A128GCM"
	A256GCM      = "A256GCM"
)

// Encryption is how something for a client is encrypted; the zero value is not at all.
type Encryption struct{ Alg, Enc string }

// Wanted reports whether it is encrypted at all.
func (e Encryption) Wanted() bool { return e.Alg != "" }

// IDTokenEncryption is how ID tokens and logout tokens are encrypted (OpenID Connect Core §2, Back-Channel Logout §2.4).
func (c *Client) IDTokenEncryption() Encryption { return Encryption{c.IDTokenEncAlg, c.IDTokenEnc} }

// UserinfoEncryption is how userinfo answers are encrypted (OpenID Connect Core §5.3.2).
func (c *Client) UserinfoEncryption() Encryption { return Encryption{c.UserinfoEncAlg, c.UserinfoEnc} }
