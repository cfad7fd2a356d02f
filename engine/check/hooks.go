package check

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/settings"
)

// Hooks compiles what flow authors wrote in JavaScript or TypeScript. The engine knows no JavaScript engine: this is
// the port through which one is handed in.
type Hooks interface {
	Compile(src HookSource) (HookSet, diag.Problems)
}

// HookSource is the script side of one flow: its hook file, if any, and every expression of its switch steps.
type HookSource struct {
	File        string // name for positions; "" when the flow has no hook file
	Code        []byte // contents of File
	Expressions []Expression
	Import      func(path string) ([]byte, error) // reads an imported module, path relative to the flows folder; nil: no imports
}

// Expression is one `when` of a switch step. Name is unique in its HookSource.
type Expression struct {
	Name string
	Text string
	At   diag.Pos
}

// HookSet is one flow's compiled scripts: immutable, safe for use by many journeys at once.
type HookSet interface {
	// Functions lists the exported functions of the hook file by name.
	Functions() map[string]Function
	// Reads lists the paths an expression reads (`steps.who.domain`).
	Reads(expression string) []Read
	// Tests lists the plain comparisons an expression makes on paths.
	Tests(expression string) []Test
	// Call runs one function or one list of expressions in a worker. Any failure of the script (thrown, too slow, too
	// big, killed, busy) is an error for which errors.Is(err, ErrHook) holds; a cancelled ctx is returned as it is.
	Call(ctx context.Context, c HookCall) (HookResult, error)
}

// Function is an exported hook function as far as reading its text can tell.
type Function struct {
	At      diag.Pos
	Reads   []Read   // paths read from its destructured argument: request.scopes, steps.who.domain, vars.tier
	Returns []string // string literals it may return, as outcomes
	Exact   bool     // whether Returns is everything it can return
	Tests   []Test   // plain comparisons it makes on paths
}

// Read is one path a script reads, and where.
type Read = settings.Read

// Test is one plain comparison a script makes on a path it reads.
type Test = settings.Test

// HookCall says what to run. Exactly one of Function and Expressions is set. Argument is marshalled to JSON and is all
// the script can see: a function gets it as its one argument, an expression sees its top-level keys as names.
type HookCall struct {
	Function    string
	Expressions []string // names; the first whose value is truthy wins
	Argument    any
	Connect     func(ctx context.Context, connector string, request json.RawMessage) (json.RawMessage, error)
}

// HookResult is what came back: Value is JSON, or nil when the function returned undefined. For expressions it is the index of the
// first that held, or -1. Console holds the script's console lines, bounded in number and length.
type HookResult struct {
	Value   json.RawMessage
	Console []string
}

// ErrHook marks every failure that is the script's: it takes the step's error edge and never counts as success.
var ErrHook = errors.New("hook error")
