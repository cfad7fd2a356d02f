// Package flow is what designers write, as plain data: every value keeps its place in the source, so that whatever is
// found wrong later can be shown under its line. Reading refuses what is malformed; meaning is engine/check's affair.
package flow

import (
	"encoding/json"
	"strconv"

	"github.com/stile-id/stile/engine/diag"
)

// Kind is the kind of a Node.
type Kind uint8

const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "a text", "a list", "a map"}[k]
}

// Node is one value of a YAML or JSON text with its place.
type Node struct {
	Kind   Kind
	At     diag.Pos
	Text   string // of a String, or a Bool, Number as JSON writes it
	Quoted bool   // a String that begins one character after At
	// Verbatim: the text stands in the source as it reads, so a place inside it can be counted from At.
	Verbatim bool
	Items    []*Node
	Members  []Member
}

// Member is one entry of a Map, in source order. Keys are unique.
type Member struct {
	Key   string
	At    diag.Pos // of the key
	Value *Node
}

// Get returns the member of a Map, or nil.
func (n *Node) Get(key string) *Node {
	if m := n.Member(key); m != nil {
		return m.Value
	}
	return nil
}

// Member returns the entry of a Map with its key's place, or nil.
func (n *Node) Member(key string) *Member {
	if n == nil {
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Key == key {
			return &n.Members[i]
		}
	}
	return nil
}

// Path finds a node by keys and list indexes; where the path ends early, the last node on the way is returned, with ok false.
func (n *Node) Path(path ...string) (found *Node, ok bool) {
	for _, p := range path {
		var next *Node
		switch {
		case n == nil:
			return nil, false
		case n.Kind == Map:
			next = n.Get(p)
		case n.Kind == List:
			if i, err := strconv.Atoi(p); err == nil && i >= 0 && i < len(n.Items) {
				next = n.Items[i]
			}
		}
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// MarshalJSON writes the value without its places; nil is null.
func (n *Node) MarshalJSON() ([]byte, error) { return n.appendJSON(nil), nil }

func (n *Node) appendJSON(b []byte) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	switch n.Kind {
	case Bool, Number:
		return append(b, n.Text...)
	case String:
		return appendString(b, n.Text)
	case List:
		b = append(b, '[')
		for i, v := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.appendJSON(b)
		}
		return append(b, ']')
	case Map:
		b = append(b, '{')
		for i, m := range n.Members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.Key), ':')
			b = m.Value.appendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	q, _ := json.Marshal(s) // a string always marshals
	return append(b, q...)
}

// Walk calls visit for n and every node below it.
func (n *Node) Walk(visit func(*Node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, v := range n.Items {
		v.Walk(visit)
	}
	for _, m := range n.Members {
		m.Value.Walk(visit)
	}
}
