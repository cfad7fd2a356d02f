package command

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/app"
)

func user(s streams) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "user", Short: "Add, list, disable and unlock accounts, see and end their sessions"}
	settings(c, &path)
	group(c)
	c.AddCommand(userAdd(s, &path), userList(s, &path), userSessions(s, &path), userSignOut(s, &path),
		userChange(s, &path, "disable", "End an account's sessions, revoke its grants and let it in no more", func(c *cobra.Command, o *app.Operator, a *identity.Account) error {
			return o.SetStatus(c.Context(), a.ID, identity.Disabled)
		}),
		userChange(s, &path, "enable", "Let a disabled account in again", func(c *cobra.Command, o *app.Operator, a *identity.Account) error {
			return o.SetStatus(c.Context(), a.ID, identity.Active)
		}),
		userChange(s, &path, "unlock", "Forget an account's counted tries", func(c *cobra.Command, o *app.Operator, a *identity.Account) error {
			return o.Unlock(c.Context(), a.ID)
		}))
	return c
}

// maxPassword bounds a first password, in bytes.
const maxPassword = 1024

func userAdd(s streams, path *string) *cobra.Command {
	var withPassword bool
	c := &cobra.Command{Use: "add EMAIL", Short: "Add an account; the address counts as verified", Args: cobra.ExactArgs(1),
		Long: "Adds an account. With --password one line is read from standard input as its first password; the person must change it at the first sign-in.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			n := app.NewAccount{Email: args[0], MustChange: true}
			if withPassword {
				line, err := bufio.NewReader(io.LimitReader(s.in, maxPassword+2)).ReadString('\n')
				if n.Password = strings.TrimRight(line, "\r\n"); n.Password == "" {
					return errors.New("there is no password on standard input")
				}
				if err != nil && !errors.Is(err, io.EOF) {
					return fmt.Errorf("password on standard input: %w", err)
				}
				if len(n.Password) > maxPassword {
					return fmt.Errorf("the password is longer than %d bytes", maxPassword)
				}
			}
			o, err := s.open(c.Context(), *path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			id, err := o.AddAccount(c.Context(), n)
			if err != nil {
				return err
			}
			fmt.Fprintln(s.out, id)
			return nil
		}}
	c.Flags().BoolVar(&withPassword, "password", false, "read a first password from standard input")
	return c
}

func userList(s streams, path *string) *cobra.Command {
	return listing(s, path, page{short: "List accounts, oldest first", what: "accounts", id: "account id", heading: "ID\tSTATUS\tIDENTIFIERS\tCREDENTIALS\tCREATED"},
		func(c *cobra.Command, o *app.Operator, after string, limit int, row func(cells ...string)) error {
			list, err := o.Store.Accounts(c.Context(), after, limit)
			if err != nil {
				return err
			}
			for _, a := range list {
				var ids, kinds []string
				for _, i := range a.Identifiers {
					ids = append(ids, i.Canonical)
				}
				whole, err := o.Store.Account(c.Context(), a.ID)
				if errors.Is(err, identity.ErrNotFound) {
					continue // deleted meanwhile
				}
				if err != nil {
					return err
				}
				for _, k := range whole.Credentials {
					kinds = append(kinds, string(k.Kind))
				}
				row(a.ID, string(a.Status), strings.Join(ids, ","), cmp.Or(strings.Join(kinds, ","), "-"), a.Created.UTC().Format("2006-01-02"))
			}
			return nil
		})
}

func userChange(s streams, path *string, name, short string, change func(*cobra.Command, *app.Operator, *identity.Account) error) *cobra.Command {
	return &cobra.Command{Use: name + " ACCOUNT", Short: short, Long: short + ". ACCOUNT is an id or an identifier.", Args: cobra.ExactArgs(1),
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
			if err := change(c, o, a); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: %s done\n", a.ID, name)
			return nil
		}}
}

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
