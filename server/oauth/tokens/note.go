package tokens

import "time"

// Logout is a sign-out that waits for the person's word. It travels through the page that asks, sealed.
type Logout struct {
	Session  string // public id of the session it was asked for
	Client   string
	Redirect string // checked before sealing
	State    string
	Hinted   bool // a valid id_token_hint named this session
	Expires  time.Time
}

// SealLogout makes the note.
func (t *Tokens) SealLogout(l Logout, now time.Time) string {
	w := writer{b: append(make([]byte, 0, 256), version)}
	w.text(l.Session)
	w.text(l.Client)
	w.text(l.Redirect)
	w.text(l.State)
	hinted := uint64(0)
	if l.Hinted {
		hinted = 1
	}
	w.number(hinted)
	w.time(l.Expires)
	return t.logout.Seal(w.b, now)
}

// OpenLogout reads a note that has not expired.
func (t *Tokens) OpenLogout(note string, now time.Time) (Logout, error) {
	b, err := t.logout.Open(note, now)
	if err != nil {
		return Logout{}, ErrToken
	}
	r := reader{s: string(b)}
	r.version()
	l := Logout{Session: r.text(), Client: r.text(), Redirect: r.text(), State: r.text(), Hinted: r.number() == 1, Expires: r.time()}
	if !r.done() || !now.Before(l.Expires) {
		return Logout{}, ErrToken
	}
	return l, nil
}
