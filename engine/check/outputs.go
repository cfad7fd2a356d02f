package check

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/flow"
)

// Reading is one place that reads a value: what a step's settings, conditions or hooks, or a called flow's outputs look at when Node runs.
type Reading struct {
	Node   *Node
	Read   Read
	What   string // as an author is told: "step claims", "hook risk"
	Script bool
}

// Fields lists the fields an output of a step may have; any is true when it may have others too, gives is false when it has no output.
func (p *Program) Fields(n *Node) (fields []string, any, gives bool) {
	if n.Enter != nil {
		leave := p.Nodes[n.Path+"/!"+flow.Done]
		if leave == nil {
			return nil, false, false
		}
		return slices.Sorted(maps.Keys(leave.Leave.Outputs)), false, len(leave.Leave.Outputs) > 0
	}
	for _, o := range n.Contract.Outcomes {
		if o.Output == nil {
			continue
		}
		gives = true
		props := o.Output.Properties()
		if props == nil {
			any = true
			continue
		}
		fields = append(fields, slices.Sorted(maps.Keys[map[string]json.RawMessage](props))...)
	}
	return fields, any, gives
}
