package inbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/dev/inbox"
)

func send(t *testing.T, b *inbox.Inbox, id, to string) {
	t.Helper()
	if err := b.Send(t.Context(), mail.Letter{ID: id, To: to, Subject: "s" + id}); err != nil {
		t.Fatal(err)
	}
}

func TestTheNewestLettersAreKept(t *testing.T) {
	b := inbox.New(nil, time.Now)
	for i := range inbox.Kept + 50 {
		send(t, b, fmt.Sprint(i), "ann@example.com")
	}
	all := b.Letters("")
	if len(all) != inbox.Kept || all[0].ID != fmt.Sprint(inbox.Kept+49) || all[len(all)-1].ID != "50" {
		t.Errorf("%d letters from %s to %s", len(all), all[0].ID, all[len(all)-1].ID)
	}
}

func TestALetterSentTwiceIsOneLetter(t *testing.T) {
	b := inbox.New(nil, time.Now)
	send(t, b, "1", "ann@example.com")
	send(t, b, "2", "bob@example.com")
	send(t, b, "1", "ann@example.com")
	if all := b.Letters(""); len(all) != 2 || all[0].ID != "1" {
		t.Errorf("letters: %+v", all)
	}
	if only := b.Letters("BOB@example.com"); len(only) != 1 || only[0].ID != "2" {
		t.Errorf("letters to bob: %+v", only)
	}
	if none := b.Letters("eve@example.com"); none == nil || len(none) != 0 {
		t.Errorf("letters to nobody: %+v", none)
	}
}
