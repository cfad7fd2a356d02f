package command

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/server/oauth/keys"
)

func key(s streams) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "key", Short: "List, rotate and remove signing keys"}
	settings(c, &path)
	group(c)
	c.AddCommand(&cobra.Command{Use: "list", Short: "List signing keys", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			o, err := s.open(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			list, err := o.Keys.List(c.Context())
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tALGORITHM\tSTATE\tCREATED\tSINCE")
			for _, k := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Algorithm, k.State, k.Created.UTC().Format("2006-01-02 15:04"), k.Changed.UTC().Format("2006-01-02 15:04"))
			}
			return t.Flush()
		}}, &cobra.Command{Use: "rotate", Short: "Publish new signing keys and take them into use once every client can know them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			o, err := s.open(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			if err := o.Keys.Start(c.Context()); err != nil { // no server has run yet: there is nothing to rotate before this
				return err
			}
			if err := o.Keys.Rotate(c.Context()); err != nil {
				return err
			}
			fmt.Fprintln(s.out, "rotation begun; see `stile key list`")
			return nil
		}}, remove(s, &path))
	return c
}

func remove(s streams, path *string) *cobra.Command {
	return &cobra.Command{Use: "remove ID", Short: "Take a signing key that others may have out at once: what it signed is no longer good", Args: cobra.ExactArgs(1),
		Long: "Takes a signing key that others may have out of the key set at once. Nothing it signed is good from then on; running servers notice within ten seconds. If it was in use, the next key takes its place, or a new one is made. Clients refuse what the new key signs until they fetch the key set again, and JWT access tokens of the old one have to be refreshed. For a planned change use `stile key rotate`, which breaks nothing.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			o, err := s.open(c.Context(), *path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			if err := o.RemoveKey(c.Context(), args[0]); err != nil {
				if errors.Is(err, keys.ErrNotThere) {
					return fmt.Errorf("no signing key has the id %q; `stile key list` shows them", args[0])
				}
				return err
			}
			fmt.Fprintf(s.out, "%s is removed; see `stile key list`\n", args[0])
			return nil
		}}
}
