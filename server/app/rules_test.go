package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
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
		12: {"TestOTP_Recovery"},
		13: {"FuzzCompile", "FuzzParse", "FuzzRead"},
		15: {"TestOTP_SignUpWithAKnownAddress", "TestHasher_NobodyCostsTheSame"},
	}
	numbered := regexp.MustCompile(`^Test(?:Rule0?(\d+)|S\d{3})_`)
	found := map[string]bool{}
	rules := map[string]int{}
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
			if m := numbered.FindStringSubmatch(fn.Name.Name); m != nil {
				rules[m[1]]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
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
