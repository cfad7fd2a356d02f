package command

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	oauth "github.com/stile-id/stile/server/oauth/client"
)

func client(s streams) *cobra.Command {
	c := &cobra.Command{Use: "client", Short: "Make secrets for clients"}
	group(c)
	c.AddCommand(&cobra.Command{Use: "secret", Short: "Make a client secret and what the settings keep of it", Args: cobra.NoArgs,
		Long: "Makes a secret of 260 random bits. The client gets the secret; the settings' `secrets` get its SHA-256. It is shown once and kept nowhere.",
		RunE: func(*cobra.Command, []string) error {
			secret := rand.Text() + rand.Text()
			fmt.Fprintf(s.out, "secret   %s\nsettings %s\n", secret, oauth.Kept(secret))
			return nil
		}})
	return c
}
