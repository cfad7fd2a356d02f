package faults

import (
	"regexp"
	"strings"

	"github.com/stile-id/stile/scripts/reading"
)

// languageGlobals are the names of the language itself that every script sees.
func languageGlobals() []string {
	return strings.Fields(`AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Error
		EvalError Float32Array Float64Array Function GoError Infinity Int16Array Int32Array Int8Array JSON Map Math NaN Number
		Object Promise Proxy RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError
		Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet decodeURI decodeURIComponent encodeURI
		encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape`)
}

// hookGlobals are the names a hook sees beside those of the language.
func hookGlobals() []string { return []string{"call", "console"} }

// suggestion says what to use in place of something authors expect from browsers or Node.
func suggestion(name string, expression bool) string {
	switch name {
	case "fetch", "XMLHttpRequest", "require", "process", "fs":
		return `hooks reach the outside through connectors: await call("crm", { get: "/x" })`
	case "setTimeout", "setInterval", "setImmediate", "queueMicrotask":
		return "there are no timers in hooks; await connector calls instead"
	case "call", "console":
		return "use a hook for this; a condition only looks"
	}
	if expression {
		return "a condition sees " + strings.Join(reading.Roots(), ", ")
	}
	return "declare it, import it, or correct its spelling"
}

// propertyClass finds \p{…} and \P{…} that is not itself an escaped backslash.
func propertyClass(pattern string) bool {
	return regexp.MustCompile(`(^|[^\\])(\\\\)*\\[pP]\{`).MatchString(pattern)
}
