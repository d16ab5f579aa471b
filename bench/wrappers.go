package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Names of rows that more than the list below knows.
const (
	bare          = "nothing"
	cFloor        = "C floor"
	goFloor       = "Go floor"
	superviseIs   = "supervise"
	superviseTini = superviseIs + " (as tini)"
)

// ours says whether a row is about supervise, however it is configured.
func ours(row string) bool { return row == superviseIs || strings.HasPrefix(row, superviseIs+" ") }

// wrapper is a program that starts one other, passes signals on and reaps: a PID 1 of containers.
type wrapper struct {
	name    string
	prefix  []string // what stands before the command
	needs   []string // programs without which it can't be measured
	version func() (program, version string)
}

func (w wrapper) run(command ...string) []string {
	return append(append([]string{}, w.prefix...), command...)
}

func knownWrappers(b *bench) []wrapper {
	told := func(program, flag string) func() (string, string) {
		return func() (string, string) { return filepath.Base(program), toldVersion(program, flag) }
	}
	return []wrapper{
		{name: bare},
		{name: cFloor, prefix: []string{b.tools.path("cinit")}},
		{"tini", []string{"tini", "-s", "--"}, []string{"tini"}, told("tini", "--version")},
		{"dumb-init", []string{"dumb-init", "--"}, []string{"dumb-init"}, told("dumb-init", "--version")},
		{"catatonit", []string{"catatonit", "--"}, []string{"catatonit"}, told("catatonit", "--version")},
		{superviseIs, []string{b.supervise, "--"}, []string{b.supervise}, told(b.supervise, "--version")},
		{superviseTini, []string{b.link("tini"), "-s", "--"}, []string{b.supervise}, nil},
	}
}

// missing says why a program can't be run; "" when it can.
func missing(program string) string {
	if filepath.IsAbs(program) {
		if info, err := os.Stat(program); err != nil || info.IsDir() {
			return filepath.Base(program) + " isn't there (-supervise says where it is)"
		}
		return ""
	}
	if _, err := exec.LookPath(program); err != nil {
		return program + " isn't installed"
	}
	return ""
}

// names lists the rows of a table about wrappers.
func (b *bench) wrapperNames(except ...string) (names []string) {
	for _, w := range b.wrappersBut(except...) {
		names = append(names, w.name)
	}
	return names
}

func (b *bench) wrappersBut(except ...string) (chosen []wrapper) {
next:
	for _, w := range b.wrappers {
		for _, name := range except {
			if w.name == name {
				continue next
			}
		}
		chosen = append(chosen, w)
	}
	return chosen
}
