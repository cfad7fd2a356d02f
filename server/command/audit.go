package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/store/sql/trail"
)

func audit(s streams) *cobra.Command {
	var path, account, event, since string
	var limit int
	c := &cobra.Command{Use: "audit", Short: "Read the audit trail, one JSON line for each event", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			f := trail.Filter{Event: event, Limit: limit}
			if since != "" {
				d, err := action.ParseDuration(since)
				if err != nil {
					return err
				}
				f.Since = time.Now().Add(-d)
			}
			o, err := s.open(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			if account != "" {
				a, err := o.Find(c.Context(), account)
				if err != nil {
					return err
				}
				f.Account = a.ID
			}
			list, err := o.Store.AuditTrail(c.Context(), f)
			if err != nil {
				return err
			}
			for _, a := range list {
				line, err := json.Marshal(map[string]any{"at": a.At.UTC().Format(time.RFC3339Nano), "event": a.Event, "account": a.Account, "client": a.Client,
					"journey": a.Journey, "address": a.Address, "detail": a.Detail})
				if err != nil {
					return err
				}
				fmt.Fprintf(s.out, "%s\n", line)
			}
			return nil
		}}
	settings(c, &path)
	c.Flags().StringVar(&account, "account", "", "only of this account: an id or an identifier")
	c.Flags().StringVar(&event, "event", "", "only this event")
	c.Flags().StringVar(&since, "since", "", "only so long ago: 24h, 7d")
	c.Flags().IntVar(&limit, "limit", 1000, "at most so many")
	return c
}
