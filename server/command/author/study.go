package author

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/server/app/workshop"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/watch"
)

// bench is a folder of flows with what they may refer to.
type bench struct {
	*workshop.Workshop
	dir    string
	folder watch.Folder
}

// open reads the flows a call is about: those of the settings, or those beside a flow named by its file. Without settings whatever
// flows name is taken to be declared.
func (s Console) open(c *cobra.Command, settings string, flows ...string) (b *bench, err error) {
	b = &bench{}
	var f *config.File
	switch _, missing := os.Stat(settings); {
	case missing == nil || c.Flags().Changed("config"):
		raw, err := readText(settings)
		if err != nil {
			return nil, fmt.Errorf("the settings cannot be read: %w", err)
		}
		if f = config.Draft(settings, raw); f == nil {
			if f, err = s.Load(settings); err != nil {
				return nil, err
			}
		}
		b.dir = f.FlowsDir()
	case !errors.Is(missing, fs.ErrNotExist):
		return nil, missing
	case isDir("flows"):
		b.dir = "flows"
	default:
		b.dir = "."
	}
	for _, name := range flows {
		if isYAML(name) || strings.ContainsAny(name, `/\`) {
			b.dir = filepath.Dir(name)
		}
	}
	if b.Workshop, err = workshop.New(f, s.Logger("error")); err != nil {
		return nil, err
	}
	if b.folder, err = watch.ReadFolder(os.DirFS(b.dir)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// create writes a file that is not there yet; one that appeared meanwhile is left as it is.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// flowName is the name of a flow that may be given by its file.
func flowName(arg string) string {
	if isYAML(arg) {
		return strings.TrimSuffix(filepath.Base(arg), filepath.Ext(arg))
	}
	return arg
}

// write writes a result to a file in one stroke, or to standard output when none is named.
func (s Console) write(to, text string) error {
	if to == "" || to == "-" {
		_, err := fmt.Fprint(s.Out, text)
		return err
	}
	if _, err := os.Stat(to); errors.Is(err, fs.ErrNotExist) {
		if err := create(to); err != nil {
			return err
		}
	}
	return replace(to, []byte(text))
}
