package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Code that has moved on must not leave its mistakes behind.
func TestEachMistakeHasItsPlace(t *testing.T) {
	for _, m := range mutants {
		text, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), m.old); n != 1 {
			t.Errorf("%s %s: what is to be changed stands there %d times: %q", m.file, m.what, n, m.old)
		}
	}
}
