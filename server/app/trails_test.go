package app_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestTrails_LosingThemLosesNothingElse: with the table gone, people sign in as before; what is not kept is counted and the log says so once.
func TestTrails_LosingThemLosesNothingElse(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "data", "stile.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`DROP TABLE trails`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		v := visit(t, d.base)
		if tokens, status := v.redeem(v.password("ann@example.com")); status != http.StatusOK {
			t.Fatalf("%d %v", status, tokens)
		}
	}
	until(t, "dropped trails are counted", func() bool {
		a, err := visit(t, d.base).send(http.MethodGet, "/metrics", nil)
		return err == nil && regexp.MustCompile(`(?m)^stile_trail_dropped_total 9$`).MatchString(a.body)
	})
	if n := strings.Count(d.log.String(), "trails are not kept"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// TestTrails_Off: with trails off none is kept.
func TestTrails_Off(t *testing.T) {
	d := deploy(t, t.TempDir(), nil, func(s string) string { return s + "trails: { off: true }\n" })
	v := visit(t, d.base)
	v.password("ann@example.com")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "data", "stile.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := -1
	if err := db.QueryRow(`SELECT COUNT(*) FROM trails`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows: %v", n, err)
	}
}
