package command

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/flows"
)

// start is what a new deployment begins with: settings, and a shorter signin without employer and CRM, with its tests. The other shipped
// flows go with it.
//
//go:embed start
var start embed.FS

func initial(s streams) *cobra.Command {
	return &cobra.Command{Use: "init DIR", Short: "Write a commented starting point that runs", Args: cobra.ExactArgs(1),
		Long: "Writes settings, and flows with their tests, into DIR. Nothing that is there is overwritten.",
		RunE: func(_ *cobra.Command, args []string) error {
			files := map[string][]byte{}
			for to, from := range map[string]string{"stile.yaml": "start/stile.yaml", "flows/signin.yaml": "start/signin.yaml", "flows/signin.test.yaml": "start/signin.test.yaml"} {
				text, err := start.ReadFile(from)
				if err != nil {
					return err
				}
				files[to] = text
			}
			for _, name := range []string{"signup", "recover", "account"} {
				for _, ending := range []string{".yaml", ".test.yaml"} {
					text, err := fs.ReadFile(flows.Shipped, name+ending)
					if err != nil {
						return err
					}
					files["flows/"+name+ending] = text
				}
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if _, err := os.Lstat(filepath.Join(args[0], name)); err == nil {
					return fmt.Errorf("%s is there already; nothing was written", filepath.Join(args[0], name))
				}
			}
			if err := os.MkdirAll(filepath.Join(args[0], "flows"), 0o755); err != nil {
				return err
			}
			for name, text := range files {
				if err := create(filepath.Join(args[0], name), text); err != nil {
					return err
				}
			}
			fmt.Fprintf(s.out, "Wrote %s.\nNext: stile serve --config %[2]s\nTest: stile test --config %[2]s\n", args[0], filepath.Join(args[0], "stile.yaml"))
			return nil
		}}
}

// create writes a file that is not there yet; one that appeared meanwhile is left as it is.
func create(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
