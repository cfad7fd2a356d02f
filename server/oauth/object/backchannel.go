package object

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/wire"
)

// What a backchannel request's object is refused with: CIBA Core §13 has no code of its own for it.
var (
	errSigned = oauth.Fail(oauth.InvalidRequest, "The signed request is not valid, is not for this server and now, or was used before.")
	errYoung  = oauth.Fail(oauth.Unavailable, "The server began anew a moment ago. Sign a new request and try again.")
)

// OpenBackchannel checks a signed backchannel authentication request and returns the parameters inside (CIBA Core §7.1.1). Whatever the client's
// profile, it says whose it is, for whom, when it was made and until when it holds; and it is good once.
func (o *Opener) OpenBackchannel(ctx context.Context, c *oauth.Client, text string, now time.Time) (wire.Params, error) {
	j, err := o.verified(ctx, c, c.Backchannel.RequestAlg, text)
	if err != nil {
		if e := new(oauth.Error); errors.As(err, &e) && e.Code == oauth.Unavailable {
			return wire.Params{}, err
		}
		return wire.Params{}, errSigned.With(err)
	}
	in := j.Claims
	aud, _ := in.Texts("aud")
	exp, ends := in.Time("exp")
	nbf, begins := in.Time("nbf")
	iat, made := in.Time("iat")
	jti := in.Text("jti")
	switch {
	case in.Text("iss") != c.ID, in.Text("sub") == c.ID, in.Has("client_id") && in.Text("client_id") != c.ID, in.Has("request"), in.Has("request_uri"),
		!slices.Contains(aud, string(o.Issuer)), !ends, !begins, !made, jti == "", len(jti) > 500,
		!now.Before(exp), exp.Sub(nbf) > longest, nbf.After(now.Add(skew)), nbf.Before(now.Add(-longest)), iat.After(now.Add(skew)), iat.Before(now.Add(-longest)):
		return wire.Params{}, errSigned
	}
	p, err := Params(in)
	if err != nil {
		return wire.Params{}, errSigned.With(err)
	}
	return p, o.first(ctx, c, jti, iat, exp, now)
}

// first reports an error unless the object is used for the first time. What was made before the memory of used ones began may have been used before.
func (o *Opener) first(ctx context.Context, c *oauth.Client, jti string, made, expires, now time.Time) error {
	sum := sha256.Sum256([]byte(c.ID + "\x00" + jti))
	first, err := o.Limits.Once(ctx, "oauth/ciba/request/"+base64.RawURLEncoding.EncodeToString(sum[:]), now, expires.Add(time.Second))
	if err != nil {
		return err
	}
	if !first {
		return errSigned
	}
	birth, err := o.Limits.Birth(ctx)
	if err != nil {
		return err
	}
	if made.Before(birth.Add(skew)) {
		return errYoung
	}
	return nil
}
