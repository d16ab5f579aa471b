package main

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed floor
var sources embed.FS

// toolbox holds the small programs that measure, are measured, or are the floor,
// compiled for this run.
type toolbox struct{ dir string }

var cPrograms = []string{"stage", "starts", "echo", "sender", "orphans", "cpause", "cinit", "csuper", "cstray", "lines"}

var errNoCompiler = errors.New("no C compiler (cc) in PATH")

// path is where a tool lies, if it could be built.
func (t toolbox) path(name string) string { return filepath.Join(t.dir, name) }

func (t toolbox) has(name string) bool {
	_, err := os.Stat(t.path(name))
	return err == nil
}

// buildTools compiles everything. Without a C compiler nothing can be measured;
// without Go only its floor is missing.
func buildTools(dir string) (t toolbox, skipped []string, err error) {
	t = toolbox{dir}
	if err := os.CopyFS(dir, sources); err != nil {
		return t, nil, fmt.Errorf("laying out the sources of the floor programs: %w", err)
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		return t, nil, errNoCompiler
	}
	for _, name := range cPrograms {
		// Static: the dynamic linker's work is no part of any floor.
		source := filepath.Join(dir, "floor", name+".c")
		if err := build(exec.Command(cc, "-std=gnu11", "-O2", "-static", "-o", t.path(name), source)); err != nil {
			return t, nil, err
		}
	}
	gosleep := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", t.path("gosleep"), "main.go")
	gosleep.Dir = filepath.Join(dir, "floor", "gosleep")
	gosleep.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GO111MODULE=off")
	if err := build(gosleep); err != nil {
		skipped = append(skipped, "the Go floor: "+err.Error())
	}
	return t, skipped, nil
}

func build(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling %s: %w\n%s", filepath.Base(cmd.Args[len(cmd.Args)-1]), err, strings.TrimSpace(string(out)))
	}
	return nil
}
