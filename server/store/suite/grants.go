package suite

import (
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Grants is what redeeming, rotating, revoking and the key ring promise.
func Grants(t *testing.T, open Open) {
	t.Run("redeem", func(t *testing.T) { redeem(t, open) })
	t.Run("redeem refused", func(t *testing.T) { redeemRefused(t, open) })
	t.Run("redeem fifty at once", func(t *testing.T) { redeemRace(t, open) })
	t.Run("rotate", func(t *testing.T) { rotate(t, open) })
	t.Run("rotate refused", func(t *testing.T) { rotateRefused(t, open) })
	t.Run("rotate fifty at once", func(t *testing.T) { rotateRace(t, open) })
	t.Run("status", func(t *testing.T) { status(t, open) })
	t.Run("keys", func(t *testing.T) { keys(t, open) })
}

// Redemption fits Grant.
func Redemption(grant string) identity.Redemption {
	return identity.Redemption{Grant: grant, Client: "app", Redirect: "https://app.example/cb", Challenge: "challenge", Refresh: true,
		At: expect.Start.Add(time.Second), Idle: expect.Start.Add(14 * 24 * time.Hour)}
}

// Rotation fits Grant at a generation.
func Rotation(grant string, generation int64, at time.Time) identity.Rotation {
	return identity.Rotation{Grant: grant, Client: "app", Generation: generation, Grace: 10 * time.Second, At: at, Idle: at.Add(14 * 24 * time.Hour)}
}

func redeem(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	live, err := s.Redeem(ctx, Redemption("g1"))
	expect.OK(t, err)
	expect.Equal(t, "generation", live.Grant.Generation, 1)
	expect.Equal(t, "redeemed", live.Grant.Redeemed, expect.Start.Add(time.Second))
	expect.Equal(t, "verdict", string(live.Grant.Verdict), `{"acr":"basic"}`)
	expect.Equal(t, "scopes", len(live.Grant.Scope), 2)
	expect.Equal(t, "account", live.Account.ID, "ada")
	expect.Equal(t, "attribute", string(live.Account.Attributes["name"]), `"Ada \u0000 Lovelace"`)
	expect.Equal(t, "identifiers", len(live.Account.Identifiers), 1)
	expect.Equal(t, "identifier", live.Account.Identifiers[0], Account("ada").Identifiers[0])
	expect.Equal(t, "credentials", len(live.Account.Credentials), 0)

	// A wrong second try changes nothing; a right one revokes, and says so every time.
	wrong := Redemption("g1")
	wrong.Challenge = "guess"
	_, err = s.Redeem(ctx, wrong)
	expect.Is(t, err, identity.ErrRefused)
	g, err := s.Grant(ctx, "g1")
	expect.OK(t, err)
	expect.Equal(t, "revoked", g.Revoked.IsZero(), true)
	for range 2 {
		_, err = s.Redeem(ctx, Redemption("g1"))
		expect.Is(t, err, identity.ErrRepeated)
	}
	g, err = s.Grant(ctx, "g1")
	expect.OK(t, err)
	expect.Equal(t, "revoked", g.Revoked, expect.Start.Add(time.Second))
	_, err = s.Rotate(ctx, Rotation("g1", 1, expect.Start.Add(time.Minute)))
	expect.Is(t, err, identity.ErrRefused)

	expect.OK(t, s.Apply(ctx, []identity.Write{identity.PutGrant{Grant: Grant("g2", "ada", "s1")}}, nil))
	plain := Redemption("g2")
	plain.Refresh = false
	live, err = s.Redeem(ctx, plain)
	expect.OK(t, err)
	expect.Equal(t, "generation without refresh", live.Grant.Generation, 0)
	_, err = s.Rotate(ctx, Rotation("g2", 0, expect.Start.Add(time.Minute)))
	expect.Is(t, err, identity.ErrRefused)
}

func redeemRefused(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	for name, change := range map[string]func(*identity.Redemption){
		"grant":     func(r *identity.Redemption) { r.Grant = "g2" },
		"client":    func(r *identity.Redemption) { r.Client = "other" },
		"redirect":  func(r *identity.Redemption) { r.Redirect += "/" },
		"challenge": func(r *identity.Redemption) { r.Challenge = "" },
		"expired":   func(r *identity.Redemption) { r.At = expect.Start.Add(90 * 24 * time.Hour) },
	} {
		r := Redemption("g1")
		change(&r)
		if _, err := s.Redeem(ctx, r); err == nil {
			t.Errorf("wrong %s was accepted", name)
		} else {
			expect.Is(t, err, identity.ErrRefused)
		}
	}
	_, err := s.Redeem(ctx, Redemption("g1"))
	expect.OK(t, err)

	expect.OK(t, s.Apply(ctx, []identity.Write{identity.PutGrant{Grant: Grant("g3", "ada", "s1")}, identity.PutGrant{Grant: Grant("g4", "ada", "s1")}}, nil))
	expect.OK(t, s.RevokeGrant(ctx, "g3", "test", time.Time{})) // without a time it is revoked all the same
	_, err = s.Redeem(ctx, Redemption("g3"))
	expect.Is(t, err, identity.ErrRefused)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.SetStatus{Account: "ada", Status: identity.Disabled, At: expect.Start}}, nil))
	_, err = s.Redeem(ctx, Redemption("g4"))
	expect.Is(t, err, identity.ErrRefused)
	err = s.Apply(ctx, []identity.Write{identity.PutGrant{Grant: Grant("g5", "ada", "s1")}}, nil)
	expect.Is(t, err, identity.ErrConflict)
}

func redeemRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	errs := expect.Together(expect.Many, func(int) error { _, err := s.Redeem(ctx, Redemption("g1")); return err })
	expect.Equal(t, "successes", expect.Count(errs, nil), 1)
	expect.Equal(t, "repeated", expect.Count(errs, identity.ErrRepeated), expect.Many-1)
	g, err := s.Grant(ctx, "g1")
	expect.OK(t, err)
	expect.Equal(t, "revoked", !g.Revoked.IsZero(), true)
	expect.Equal(t, "reason", g.Reason, "code.repeated")
}

func rotate(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	_, err := s.Redeem(ctx, Redemption("g1"))
	expect.OK(t, err)
	at := expect.Start.Add(time.Minute)
	live, err := s.Rotate(ctx, Rotation("g1", 1, at))
	expect.OK(t, err)
	expect.Equal(t, "generation", live.Grant.Generation, 2)
	expect.Equal(t, "rotated", live.Grant.Rotated, at)
	// The generation before the head gets the head again within the grace, unmoved.
	live, err = s.Rotate(ctx, Rotation("g1", 1, at.Add(10*time.Second)))
	expect.OK(t, err)
	expect.Equal(t, "generation", live.Grant.Generation, 2)
	expect.Equal(t, "rotated", live.Grant.Rotated, at)
	// A generation that never was is refused and harms nothing.
	_, err = s.Rotate(ctx, Rotation("g1", 3, at))
	expect.Is(t, err, identity.ErrRefused)
	// A constrained client's generation stays.
	keep := Rotation("g1", 2, at.Add(20*time.Second))
	keep.Keep = true
	live, err = s.Rotate(ctx, keep)
	expect.OK(t, err)
	expect.Equal(t, "generation", live.Grant.Generation, 2)
	expect.Equal(t, "idle", live.Grant.Idle, keep.Idle)
	// Once the head was used, or the grace has passed, the one before revokes.
	_, err = s.Rotate(ctx, Rotation("g1", 2, at.Add(30*time.Second)))
	expect.OK(t, err)
	_, err = s.Rotate(ctx, Rotation("g1", 1, at.Add(31*time.Second)))
	expect.Is(t, err, identity.ErrRepeated)
	_, err = s.Rotate(ctx, Rotation("g1", 3, at.Add(32*time.Second)))
	expect.Is(t, err, identity.ErrRefused)

	expect.OK(t, s.Apply(ctx, []identity.Write{identity.PutGrant{Grant: Grant("g2", "ada", "s1")}}, nil))
	_, err = s.Redeem(ctx, Redemption("g2"))
	expect.OK(t, err)
	_, err = s.Rotate(ctx, Rotation("g2", 1, at))
	expect.OK(t, err)
	_, err = s.Rotate(ctx, Rotation("g2", 1, at.Add(10*time.Second+time.Microsecond)))
	expect.Is(t, err, identity.ErrRepeated)
}

func rotateRefused(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	offline := Grant("g2", "ada", "s1")
	offline.Offline = true
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.PutGrant{Grant: offline}, identity.PutGrant{Grant: Grant("g3", "ada", "")}}, nil))
	at := expect.Start.Add(time.Minute)
	_, err := s.Rotate(ctx, Rotation("g1", 1, at)) // its code was not redeemed
	expect.Is(t, err, identity.ErrRefused)
	for _, g := range []string{"g1", "g2", "g3"} {
		_, err := s.Redeem(ctx, Redemption(g))
		expect.OK(t, err)
	}
	other := Rotation("g1", 1, at)
	other.Client = "other"
	_, err = s.Rotate(ctx, other)
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Rotate(ctx, Rotation("g1", 1, expect.Start.Add(15*24*time.Hour))) // idle too long
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Rotate(ctx, Rotation("g3", 1, at)) // neither session nor offline access
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Rotate(ctx, Rotation("g1", 1, expect.Start.Add(2*time.Hour))) // its session has gone idle
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Rotate(ctx, Rotation("g2", 1, expect.Start.Add(2*time.Hour)))
	expect.OK(t, err)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.EndSessions{Account: "ada", Reason: "logout", At: at}}, nil))
	_, err = s.Rotate(ctx, Rotation("g1", 1, at))
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Status(ctx, "g1", "", at)
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Rotate(ctx, Rotation("g2", 2, expect.Start.Add(3*time.Hour)))
	expect.OK(t, err)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.RevokeGrants{Account: "ada", Reason: "reset", At: at}}, nil))
	_, err = s.Rotate(ctx, Rotation("g2", 3, expect.Start.Add(3*time.Hour)))
	expect.Is(t, err, identity.ErrRefused)
}

func rotateRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	_, err := s.Redeem(ctx, Redemption("g1"))
	expect.OK(t, err)
	at := expect.Start.Add(time.Minute)
	heads := make([]int64, expect.Many)
	errs := expect.Together(expect.Many, func(i int) error {
		live, err := s.Rotate(ctx, Rotation("g1", 1, at))
		heads[i] = live.Grant.Generation
		return err
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), expect.Many)
	for _, h := range heads {
		expect.Equal(t, "head", h, 2)
	}
	// Without a grace exactly one moves the head, and the others revoke.
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.PutGrant{Grant: Grant("g2", "ada", "s1")}}, nil))
	_, err = s.Redeem(ctx, Redemption("g2"))
	expect.OK(t, err)
	errs = expect.Together(expect.Many, func(int) error {
		r := Rotation("g2", 1, at)
		r.Grace = 0
		_, err := s.Rotate(ctx, r)
		return err
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), 1)
	expect.Equal(t, "repeated", expect.Count(errs, identity.ErrRepeated), 1)
	expect.Equal(t, "refused", expect.Count(errs, identity.ErrRefused), expect.Many-2)
}

func status(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	live, err := s.Status(ctx, "g1", "t1", expect.Start)
	expect.OK(t, err)
	expect.Equal(t, "account", live.Account.Identifiers[0].Canonical, "ada@example.org")
	expect.OK(t, s.RevokeToken(ctx, "t1", expect.Start, expect.Start.Add(time.Minute)))
	expect.OK(t, s.RevokeToken(ctx, "t1", expect.Start, expect.Start.Add(2*time.Minute)))
	_, err = s.Status(ctx, "g1", "t1", expect.Start)
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Status(ctx, "g1", "t2", expect.Start)
	expect.OK(t, err)
	_, err = s.Status(ctx, "g1", "t2", expect.Start.Add(90*24*time.Hour))
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Status(ctx, "nobody's", "t2", expect.Start)
	expect.Is(t, err, identity.ErrRefused)
	yes, err := s.TokenRevoked(ctx, "t1")
	expect.OK(t, err)
	expect.Equal(t, "token revoked", yes, true)
	yes, err = s.TokenRevoked(ctx, "t2")
	expect.OK(t, err)
	expect.Equal(t, "token revoked", yes, false)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.SetStatus{Account: "ada", Status: identity.Disabled, At: expect.Start}}, nil))
	_, err = s.Status(ctx, "g1", "t2", expect.Start)
	expect.Is(t, err, identity.ErrRefused)
	// Enabling again gives nothing back.
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.SetStatus{Account: "ada", Status: identity.Active, At: expect.Start}}, nil))
	_, err = s.Status(ctx, "g1", "t2", expect.Start)
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Grant(ctx, "none")
	expect.Is(t, err, identity.ErrNotFound)
}

func keys(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	revision, err := s.KeysRevision(ctx)
	expect.OK(t, err)
	key := identity.SigningKey{ID: "k1", Algorithm: "ES256", State: "current", Public: []byte(`{"kty":"EC"}`), Private: []byte{0, 1, 255}, Created: expect.Start, Changed: expect.Start}
	errs := expect.Together(expect.Many, func(i int) error {
		k := key
		k.Private = []byte{byte(i)}
		return s.ChangeKeys(ctx, revision, []identity.SigningKey{k}, nil)
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), 1)
	expect.Equal(t, "conflicts", expect.Count(errs, identity.ErrConflict), expect.Many-1)
	second := key
	second.ID, second.Created = "k2", expect.Start.Add(time.Second)
	key.State = "retiring"
	expect.OK(t, s.ChangeKeys(ctx, revision+1, []identity.SigningKey{key, second}, nil))
	list, err := s.SigningKeys(ctx)
	expect.OK(t, err)
	expect.Equal(t, "keys", len(list), 2)
	expect.Equal(t, "state", list[0].State, "retiring")
	expect.Equal(t, "private", string(list[0].Private), "\x00\x01\xff")
	expect.Equal(t, "changed", list[1].Changed, expect.Start)
	expect.OK(t, s.ChangeKeys(ctx, revision+2, nil, []string{"k1"}))
	list, err = s.SigningKeys(ctx)
	expect.OK(t, err)
	expect.Equal(t, "keys", len(list), 1)
	n, err := s.KeysRevision(ctx)
	expect.OK(t, err)
	expect.Equal(t, "revision", n, revision+3)
}
