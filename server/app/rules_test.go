package app_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryRuleHasATest: the sixteen rules of docs/design/architecture.md §8 are each held by tests that carry their number
// (TestRule05_…), wherever the rule can be broken; those named here hold a rule under another name. A test that is renamed or
// removed is missed here.
func TestEveryRuleHasATest(t *testing.T) {
	also := map[int][]string{
		2:  {"TestSubFlowInputsOutputsAndScopes"},
		3:  {"TestLedgerAway"},
		6:  {"TestNeverTwoGrants", "TestCrashBetweenLedgerAndTransient", "TestTransientStoreRolledBack", "TestS006_CodeOnceUnderFifty", "TestFederate_NotOurAnswer", "TestPasskey_S080toS090_Assertions"},
		7:  {"TestRule7_DoorsCheckAgain"},
		10: {"TestPasskey_S092_AddingAndRemoving", "TestClaimsAndVars"},
		11: {"TestSession"},
		12: {"TestS108_OTP_Recovery"},
		13: {"FuzzCompile", "FuzzParse", "FuzzRead"},
		15: {"TestOTP_SignUpWithAKnownAddress", "TestHasher_NobodyCostsTheSame"},
	}
	numbered := regexp.MustCompile(`^Test(?:Rule0?(\d+)|S\d{3})_`)
	found, rules := testNames(t), map[string]int{}
	for name := range found {
		if m := numbered.FindStringSubmatch(name); m != nil {
			rules[m[1]]++
		}
	}
	for rule := 1; rule <= 16; rule++ {
		if rules[fmt.Sprint(rule)] == 0 {
			t.Errorf("no test carries the number of rule %d", rule)
		}
		for _, name := range also[rule] {
			if !found[name] {
				t.Errorf("rule %d: there is no %s", rule, name)
			}
		}
	}
}

// TestEveryRequirementHasATest: what docs/design/standards.md numbers for OAuth, OpenID Connect, first-party apps and WebAuthn has a test
// named after it (TestS006_…, TestPasskey_S080toS090_…), so that the list and the tests can be laid side by side.
func TestEveryRequirementHasATest(t *testing.T) {
	page, err := os.ReadFile("../../docs/design/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	held := map[int]bool{}
	for name := range testNames(t) {
		for _, m := range regexp.MustCompile(`S(\d{3})(?:toS(\d{3}))?`).FindAllStringSubmatch(name, -1) {
			first, _ := strconv.Atoi(m[1])
			last, _ := strconv.Atoi(cmp.Or(m[2], m[1]))
			for id := first; id <= last; id++ {
				held[id] = true
			}
		}
	}
	rows := regexp.MustCompile(`(?m)^\| S-(\d{3}) \|`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 90 {
		t.Fatalf("%d requirements read: is the page written otherwise now?", len(rows))
	}
	for _, row := range rows {
		id, _ := strconv.Atoi(row[1])
		people := id >= 100 && id < 109 // NIST SP 800-63B-4: rules of the actions, held by their own tests and settings
		if !held[id] && !people {
			t.Errorf("no test is named after S-%s", row[1])
		}
	}
}

// testNames is the names of all functions in the tree's test files, fuzz targets among them.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return fs.SkipDir
		case !strings.HasSuffix(p, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, x := range f.Decls {
			fn, ok := x.(*ast.FuncDecl)
			if !ok {
				continue
			}
			found[fn.Name.Name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
