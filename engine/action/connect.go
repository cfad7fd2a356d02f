package action

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ReadRequest reads what a hook passes to call(connector, request): { get: "/path", query: {…} } or { post: "/path", body: … }.
func ReadRequest(request json.RawMessage) (ConnectorRequest, error) {
	var r struct {
		Get, Post, Put, Patch, Delete string
		Query                         map[string]string
		Body                          json.RawMessage
	}
	if err := json.Unmarshal(request, &r); err != nil {
		return ConnectorRequest{}, fmt.Errorf("a connector call takes { get: \"/path\" }: %w", err)
	}
	req := ConnectorRequest{Query: r.Query, Body: r.Body}
	for method, path := range map[string]string{"GET": r.Get, "POST": r.Post, "PUT": r.Put, "PATCH": r.Patch, "DELETE": r.Delete} {
		if path == "" {
			continue
		}
		if req.Method != "" {
			return ConnectorRequest{}, errors.New("a connector call has one method, not two")
		}
		req.Method, req.Path = method, path
	}
	if req.Method == "" {
		return ConnectorRequest{}, errors.New("a connector call names a path: { get: \"/path\" }")
	}
	return req, nil
}
