package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent: what is checked in is what the code makes.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Errorf("%s: %v; run `make generate`", name, err)
			continue
		}
		if string(got) != string(want) {
			t.Errorf("%s is not current; run `make generate`", name)
		}
	}
}
