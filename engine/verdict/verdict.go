package verdict

import (
	"encoding/json"
	"slices"
	"time"
)

// Verdict is what a finished journey proves. It is the only thing that passes from the wing that asks people to the
// wing that serves clients.
type Verdict struct {
	Journey  string                     `json:"journey"`
	Flow     string                     `json:"flow"`
	Version  string                     `json:"version"` // content hash of the flow
	Client   string                     `json:"client"`
	Subject  string                     `json:"subject"` // account id
	Session  string                     `json:"session"` // public session id (sid), never the cookie's secret
	Evidence []Evidence                 `json:"evidence"`
	ACR      string                     `json:"acr"`
	AMR      []string                   `json:"amr,omitempty"`
	AuthTime time.Time                  `json:"auth_time"`
	Claims   map[string]json.RawMessage `json:"claims,omitempty"` // what the journey published
	Scope    []string                   `json:"scope,omitempty"`  // what the person allowed, when they were asked
}

// Assurance is a named formula over facts; its name is the acr.
type Assurance struct {
	Name    string
	Formula Formula
}

// Judgement is how a journey's evidence measures up to what its flow accepts and what was asked of it.
type Judgement struct {
	ACR      string
	AMR      []string
	AuthTime time.Time
}

// Judge picks the acr: the first requested one that is met, else the first accepted one that is. ok is false when the
// evidence meets none of accept, or misses a required name (a hook's require, an essential acr); then missing names why.
func Judge(accept []Assurance, evidence []Evidence, subject string, requested, required []string) (j Judgement, missing string, ok bool) {
	met := map[string]time.Time{}
	first := ""
	for _, a := range accept {
		if at, yes := Reached(a.Formula, evidence, subject); yes && subject != "" {
			met[a.Name] = at
			if first == "" {
				first = a.Name
			}
		}
	}
	if first == "" {
		return j, "accept", false
	}
	for _, r := range required {
		if _, yes := met[r]; !yes {
			return j, r, false
		}
	}
	j.ACR = first
	if i := slices.IndexFunc(requested, func(r string) bool { _, yes := met[r]; return yes }); i >= 0 {
		j.ACR = requested[i]
	}
	j.AuthTime = met[j.ACR]
	j.AMR = AMR(evidence, subject)
	return j, "", true
}
