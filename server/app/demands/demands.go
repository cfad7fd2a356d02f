// Package demands judges whether the flows that are served give clients what those ask for.
package demands

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/watch"
)

// Check refuses clients whose flows cannot give what the client asks for: flows nobody serves, an assurance no path reaches, silence of a
// flow that always asks.
func Check(file *config.File, set watch.Compiled) diag.Problems {
	var out diag.Problems
	for i, c := range file.Clients {
		j := judge{file: file, set: set, client: c, at: []string{"clients", strconv.Itoa(i)}, out: &out}
		j.flows()
		j.assurance()
		j.silence()
		j.approval()
	}
	if r := file.Registered; r != nil {
		for _, name := range r.Names() {
			j := judge{file: file, set: set, client: r.Kinds[name].Sample(name), at: []string{"registration", "kinds", name}, out: &out}
			j.flows()
			j.approval()
			j.reach(r.Open == name)
		}
	}
	return out
}

type judge struct {
	file   *config.File
	set    watch.Compiled
	client oauth.Client
	at     []string
	out    *diag.Problems
}

func (j judge) here(keys ...string) diag.Pos {
	return j.file.At(append(slices.Clone(j.at), keys...)...)
}

// flows (STILE-C13): every flow a client may start is there and can be started by itself.
func (j judge) flows() {
	one := func(name string, at diag.Pos) {
		p, ok := j.set.Programs[name]
		switch {
		case name == "":
		case !ok:
			hint := "write that flow, or take it from the client"
			if near := flow.Nearest(name, slices.Sorted(maps.Keys(j.set.Programs))); near != "" {
				hint = "did you mean `" + near + "`?"
			}
			j.out.Add("STILE-C13", at, hint, "client %q may start flow %s, which does not exist", j.client.ID, name)
		case p.Callable || len(p.Accept) == 0 && len(j.set.Proofs[name].Ends) > 0: // one that only denies promises nothing
			j.out.Add("STILE-C13", at, "give the flow an `accept`, or take it from the client", "client %q may start flow %s, which can only be called by other flows", j.client.ID, name)
		}
	}
	one(j.client.Flows.Default, j.here("flows", "default"))
	one(j.client.Flows.Create, j.here("flows", "create"))
	one(j.client.Flows.Device, j.here("flows", "device"))
	one(j.client.Flows.Backchannel, j.here("flows", "backchannel"))
	for n, name := range j.client.Flows.Others {
		one(name, j.here("flows", "others", strconv.Itoa(n)))
	}
}

// assurance (STILE-C14): what a client demands, some path of a flow it may start reaches. A flow for new people is judged by itself: nothing
// else can be picked in its place.
func (j judge) assurance() {
	if len(j.client.ACR) == 0 {
		return
	}
	reaches := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return slices.ContainsFunc(j.client.ACR, func(a string) bool { return slices.Contains(j.set.Proofs[name].Reached, a) })
		})
	}
	const hint = "let a path of the flow reach it and name it in the flow's accept, or demand something else"
	demand := strings.Join(j.client.ACR, " or ")
	if d := j.client.Flows.Default; j.set.Programs[d] != nil && !reaches(append([]string{d}, j.client.Flows.Others...)...) {
		j.out.Add("STILE-C14", j.here("acr"), hint, "client %q demands %s, and no flow it may start reaches that", j.client.ID, demand)
	}
	if c := j.client.Flows.Create; j.set.Programs[c] != nil && !reaches(c) {
		j.out.Add("STILE-C14", j.here("flows", "create"), hint, "client %q demands %s, and flow %s, which makes its accounts, does not reach that", j.client.ID, demand, c)
	}
	for _, f := range []struct{ key, name string }{{"device", j.client.Flows.Device}, {"backchannel", j.client.Flows.Backchannel}} {
		if j.set.Programs[f.name] != nil && !reaches(f.name) {
			j.out.Add("STILE-C14", j.here("flows", f.key), hint, "client %q demands %s, and flow %s, which decides about what waits, does not reach that", j.client.ID, demand, f.name)
		}
	}
}

// approval (STILE-C16): a flow that decides about what waits elsewhere ends only behind the person's own yes. Nothing of the browser or device that
// asked can be in it: the journey is walked in a browser of the person's, so what that browser remembers, a session, may say who they are and never that they
// agree. A flow with an end that approves nothing could only be answered by the asking side, which is not there.
func (j judge) approval() {
	for _, f := range []struct{ key, name string }{{"device", j.client.Flows.Device}, {"backchannel", j.client.Flows.Backchannel}} {
		for _, e := range j.set.Proofs[f.name].Ends {
			if e.Facts.Has(verdict.Approved) {
				continue
			}
			j.out.Add("STILE-C16", j.here("flows", f.key), "lead every end of the flow through ask.approve",
				"client %q lets flow %s decide about what waits elsewhere, and it can end without the person's yes: %s", j.client.ID, f.name, strings.Join(e.Path, ", "))
			break
		}
	}
}

// reach (STILE-C22) warns of a kind by which anybody could have this server call what lies behind its firewall.
func (j judge) reach(open bool) {
	if open && j.client.Private {
		*j.out = append(*j.out, diag.Problem{Code: "STILE-C22", Severity: diag.Warning, At: j.here("allow_private"), Hint: "remove it, or let only tokens register this kind",
			Message: "anybody may register, and name addresses inside this server's own network that it then calls"})
	}
}

// silence (STILE-C15): a client that renews sign-ins by prompt=none starts a flow that can answer so.
func (j judge) silence() {
	d := j.client.Flows.Default
	if m := j.set.Proofs[d].Modes; j.client.Silent && j.set.Programs[d] != nil && !m.Silent {
		j.out.Add("STILE-C15", j.here("silent"), "begin the flow with session.check, and lead fresh to an end that asks nothing",
			"client %q renews sign-ins silently, and flow %s can never end without asking: step %s asks on every path", j.client.ID, d, m.SilentStop)
	}
}
