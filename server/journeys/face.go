package journeys

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/server/web"
)

// prompted is the JSON face of a prompt: what to ask, and how to answer it.
type prompted struct {
	*action.Prompt
	Revision int    `json:"revision"`
	URL      string `json:"url"` // POST { revision, step, action, fields } here
	Stale    bool   `json:"stale,omitempty"`
	Expires  int64  `json:"expires"` // Unix seconds
}

// finished is the JSON face of an end: where the browser goes on.
type finished struct {
	Ended    bool   `json:"ended"`
	Location string `json:"location"`
}

func (s *Journeys) face(r run.Reply) prompted {
	return prompted{Prompt: r.Prompt, Revision: r.Revision, URL: s.URL(r.ID), Stale: r.Stale, Expires: r.Expires.Unix()}
}

// posted is an answer as JSON.
type posted struct {
	Revision int               `json:"revision"`
	Step     string            `json:"step"`
	Action   string            `json:"action"`
	Fields   map[string]string `json:"fields"`
}

// input reads an answer, from a page's form or as JSON.
func input(w http.ResponseWriter, r *http.Request) (run.Input, error) {
	if web.Media(r) == "application/json" {
		var p posted
		if err := web.JSON(w, r, &p); err != nil {
			return run.Input{}, err
		}
		if len(p.Fields) > web.MaxFields {
			return run.Input{}, &web.ErrBody{Status: http.StatusBadRequest, ID: "fields"}
		}
		if p.Revision < 1 {
			return run.Input{}, &run.BadInput{ID: "revision", Detail: "missing"}
		}
		return run.Input{Revision: p.Revision, Step: p.Step, Action: p.Action, Fields: p.Fields}, nil
	}
	f, err := web.Form(w, r)
	if err != nil {
		return run.Input{}, err
	}
	revision, err := strconv.Atoi(f["revision"])
	if err != nil || revision < 1 {
		return run.Input{}, &run.BadInput{ID: "revision", Detail: "missing"}
	}
	in := run.Input{Revision: revision, Step: f["step"], Action: f["action"], Fields: f}
	delete(f, "revision")
	delete(f, "step")
	delete(f, "action")
	return in, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the connection may be gone; there is nobody to tell
}
