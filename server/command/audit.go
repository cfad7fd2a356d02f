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
	c := &cobra.Command{Use: "audit", Short: "Read the audit trail, one JSON line for each event, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if limit < 1 || limit > 1000 {
				return wrongUse{errors.New("--limit is a number from 1 to 1000")}
			}
			f := trail.Filter{Event: event, Limit: limit}
			if since != "" {
				d, err := action.ParseDuration(since)
				if err != nil {
					return wrongUse{fmt.Errorf("--since: %w", err)}
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
	c.Flags().StringVar(&account, "account", "", "only what concerns this account, named by its id or an identifier")
	c.Flags().StringVar(&event, "event", "", "only this event, such as sign-in or account.disabled")
	c.Flags().StringVar(&since, "since", "", "only what is not older, such as 24h or 7d")
	c.Flags().IntVar(&limit, "limit", 1000, "at most so many lines, up to 1000")
	return c
}
