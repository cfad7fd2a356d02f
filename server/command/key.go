package command

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func key(s streams) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "key", Short: "List and rotate signing keys"}
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
		}})
	return c
}
