package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrMode: others than the owner may read or write the key file.
var ErrMode = errors.New("seal: the key file must be readable by its owner alone (chmod 600)")

// Load reads the master key from a file and makes the file, mode 0600, when it is not there yet. Two processes that start
// at once agree on one key: the file appears whole or not at all, and only the first makes it.
func Load(path string) (Master, error) {
	m, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Master{}, fmt.Errorf("create master key: %w", err)
	}
	return read(path)
}

func read(path string) (Master, error) {
	f, err := os.Open(path)
	if err != nil {
		return Master{}, fmt.Errorf("open master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of the open file: nobody can swap it in between
	if err != nil {
		return Master{}, fmt.Errorf("open master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Master{}, fmt.Errorf("%s: %w: not a regular file", path, ErrKey)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return Master{}, fmt.Errorf("%s: %w, it is %04o", path, ErrMode, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return Master{}, fmt.Errorf("read master key: %w", err)
	}
	m, err := Parse(string(b))
	if err != nil {
		return Master{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func create(path string) error {
	_, text, err := Generate(rand.Reader)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".master-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text.Reveal() + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // fails when it exists: unlike a rename it never replaces a key
		return err
	}
	if d, err := os.Open(dir); err == nil {
		err = d.Sync()
		return errors.Join(err, d.Close())
	}
	return nil
}
