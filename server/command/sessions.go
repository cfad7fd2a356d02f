package command

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// userSessions lists where an account is signed in.
func userSessions(s streams, path *string) *cobra.Command {
	return &cobra.Command{Use: "sessions ACCOUNT", Short: "List where an account is signed in, newest first", Long: "List where an account is signed in, newest first, with the apps it went to from there. ACCOUNT is an id or an identifier.", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o, err := s.open(c.Context(), *path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			a, err := o.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := o.Store.Sessions(c.Context(), a.ID)
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tSINCE\tSEEN\tADDRESS\tAPPS\tBROWSER")
			for _, x := range list {
				apps, err := o.Store.Visits(c.Context(), x.ID)
				if err != nil {
					return err
				}
				if len(apps) == 0 {
					apps = []string{"-"}
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, minute(x.Created), minute(x.Seen), x.Address, strings.Join(apps, ","), printable(x.Agent))
			}
			return t.Flush()
		}}
}

// userSignOut ends sessions.
func userSignOut(s streams, path *string) *cobra.Command {
	var session string
	c := &cobra.Command{Use: "sign-out ACCOUNT", Short: "End an account's sessions and what rests on them", Args: cobra.ExactArgs(1),
		Long: "End an account's sessions, or the one of --session. Their tokens end, apps that want to hear of it are told. Refresh tokens for offline use stay; `stile user disable` ends those too. ACCOUNT is an id or an identifier.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			o, err := s.open(c.Context(), *path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			a, err := o.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := o.SignOut(c.Context(), a.ID, session)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: %d ended\n", a.ID, n)
			return nil
		}}
	c.Flags().StringVar(&session, "session", "", "id of the one session to end, as stile user sessions shows it")
	return c
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// printable keeps what a browser says of itself from writing to the terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return -1
		}
		return c
	}, text)
}
