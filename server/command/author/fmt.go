package author

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/flow/format"
)

// maxFormatted bounds the files one call looks at.
const maxFormatted = 10_000

func formatFiles(s Console) *cobra.Command {
	var path string
	var only bool
	c := &cobra.Command{Use: "fmt [PATH...]", Short: "Write flows, test files and settings in their canonical form",
		Long: "Formats YAML files, or all in a folder; - formats standard input to standard output. Without a PATH: the settings file and the flows folder it names, or the YAML files of this folder when there are no settings. " +
			"Values and comments stay as they are. Prints the files it changed. A file that cannot be read is told under its line and left as it is.",
		RunE: func(_ *cobra.Command, args []string) error {
			if slices.Equal(args, []string{"-"}) {
				return s.formatStream()
			}
			files, err := s.formatted(args, path)
			if err != nil {
				return err
			}
			failed := false
			for _, file := range files {
				changed, err := s.format(file, only)
				if err != nil && !errors.Is(err, s.Told) {
					return err
				}
				failed = failed || err != nil || changed && only
			}
			if failed {
				return s.Told
			}
			return nil
		}}
	s.Settings(c, &path)
	c.Flags().BoolVar(&only, "check", false, "write nothing; list what is not in canonical form and exit with 1")
	return c
}

// format formats one file; told says whether it was not in canonical form.
func (s Console) format(file string, only bool) (changed bool, err error) {
	source, err := readText(file)
	if err != nil {
		return false, err
	}
	text, problems := format.Format(file, source)
	if problems.Failed() {
		diag.Render(s.Err, problems, diag.Sources{file: source})
		return false, s.Told
	}
	if bytes.Equal(text, source) {
		return false, nil
	}
	if !only {
		if err := replace(file, text); err != nil {
			return false, err
		}
	}
	fmt.Fprintln(s.Out, file)
	return true, nil
}

func (s Console) formatStream() error {
	source, err := io.ReadAll(io.LimitReader(s.In, flow.MaxSource+1))
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	text, problems := format.Format("-", source)
	if problems.Failed() {
		diag.Render(s.Err, problems, diag.Sources{"-": source})
		return s.Told
	}
	_, err = s.Out.Write(text)
	return err
}

// readText reads a file as far as a text for authors may be long; what is longer is refused when it is parsed.
func readText(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, flow.MaxSource+1))
}

// replace writes a file anew in one stroke: readers see the old text or the new one. Mode stays; a link is followed.
func replace(file string, text []byte) (err error) {
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// formatted lists the files a call is about, sorted, each once.
func (s Console) formatted(paths []string, settings string) ([]string, error) {
	if len(paths) == 0 {
		paths = []string{"."}
		if raw, err := readText(settings); err == nil {
			paths = []string{settings}
			if dir := flowsOf(settings, raw); isDir(dir) {
				paths = append(paths, dir)
			}
		} else if settings != "stile.yaml" || !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the settings cannot be read: %w", err)
		} else if list, err := filepath.Glob("*.y*ml"); err == nil {
			paths = slices.DeleteFunc(list, func(p string) bool { return !isYAML(p) })
		}
	}
	var out []string
	for _, p := range paths {
		if !isDir(p) {
			if !isYAML(p) {
				return nil, s.Misuse(fmt.Errorf("%s is no YAML file", p))
			}
			out = append(out, p)
			continue
		}
		err := filepath.WalkDir(p, func(at string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && at != p && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
				return fs.SkipDir
			case !d.IsDir() && isYAML(at) && !strings.HasPrefix(d.Name(), "."):
				out = append(out, at)
			}
			if len(out) > maxFormatted {
				return fmt.Errorf("%s holds more than %d files", p, maxFormatted)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// flowsOf is the flows folder that settings name, as far as they can be read.
func flowsOf(settings string, raw []byte) string {
	dir := "flows"
	if n, _ := flow.Parse(settings, raw); n != nil {
		if v := n.Get("flows"); v != nil && v.Kind == flow.String && v.Text != "" {
			dir = v.Text
		}
	}
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(filepath.Dir(settings), dir)
}

func isDir(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.IsDir()
}

func isYAML(p string) bool {
	ext := filepath.Ext(p)
	return ext == ".yaml" || ext == ".yml"
}
