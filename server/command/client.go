package command

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/server/app"
	oauth "github.com/stile-id/stile/server/oauth/client"
)

func client(s streams) *cobra.Command {
	c := &cobra.Command{Use: "client", Short: "Make secrets for clients; list and remove those that registered themselves"}
	var path string
	settings(c, &path)
	group(c)
	c.AddCommand(&cobra.Command{Use: "secret", Short: "Make a client secret and what the settings keep of it", Args: cobra.NoArgs,
		Long: "Makes a secret of 260 random bits. The client gets the secret; the settings' `secrets` get its SHA-256. It is shown once and kept nowhere.",
		RunE: func(*cobra.Command, []string) error {
			secret := rand.Text() + rand.Text()
			fmt.Fprintf(s.out, "secret   %s\nsettings %s\n", secret, oauth.Kept(secret))
			return nil
		}})
	c.AddCommand(&cobra.Command{Use: "token", Short: "Make an initial access token for registering clients and what the settings keep of it", Args: cobra.NoArgs,
		Long: "Makes an initial access token (RFC 7591) of 260 random bits. Whoever registers clients gets the token; `registration.tokens` gets its SHA-256. It is shown once and kept nowhere.",
		RunE: func(*cobra.Command, []string) error {
			token := rand.Text() + rand.Text()
			fmt.Fprintf(s.out, "token    %s\nsettings %s\n", token, oauth.Kept(token))
			return nil
		}})
	c.AddCommand(clientList(s, &path), clientRemove(s, &path))
	return c
}

func clientList(s streams, path *string) *cobra.Command {
	return listing(s, path, page{short: "List clients that registered themselves", what: "clients", id: "id", heading: "ID\tKIND\tTOKEN\tNAME\tREGISTERED\tCHANGED\tUSED"},
		func(c *cobra.Command, o *app.Operator, after string, limit int, row func(cells ...string)) error {
			list, err := o.Store.Registrations(c.Context(), after, limit)
			if err != nil {
				return err
			}
			for _, r := range list {
				var m struct {
					Name string `json:"client_name"`
				}
				if err := json.Unmarshal(r.Metadata, &m); err != nil {
					return fmt.Errorf("metadata of %s: %w", r.ID, err)
				}
				used := "never"
				if !r.Used.IsZero() { // noted about once a day
					used = r.Used.UTC().Format("2006-01-02")
				}
				row(r.ID, r.Kind, cmp.Or(r.Via, "-"), cmp.Or(m.Name, "-"), r.Created.UTC().Format("2006-01-02 15:04"), r.Changed.UTC().Format("2006-01-02 15:04"), used)
			}
			return nil
		})
}

func clientRemove(s streams, path *string) *cobra.Command {
	return &cobra.Command{Use: "remove CLIENT", Short: "Remove a client that registered itself and revoke its grants", Args: cobra.ExactArgs(1),
		Long: "Removes a client that registered itself and revokes its grants. Servers that run stop knowing it within five seconds. Clients of the settings are removed there.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			o, err := s.open(c.Context(), *path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			if err := o.RemoveClient(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: removed\n", args[0])
			return nil
		}}
}
