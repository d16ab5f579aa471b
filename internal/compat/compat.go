// Package compat makes supervise stand in for other programs: called through a
// link named tini or dumb-init it behaves as they do, in all that a user can
// observe; sv, the client of runit, is in package sv.
//
//	getopt.go     reads words as getopt(3) of glibc does
//	tini.go       tini 0.19: command line and environment → what to do
//	tinirun.go    … and doing it
//	dumbinit.go   dumb-init 1.2.5: the same
//	dumbinitrun.go
//	wrapper.go    what both need: the child, reaping, and the end of the others
//	stdio.go      when a C program's output is written
//
// It goes past the supervisor on purpose. What these programs do on a signal
// fits on a screen, and must be done in their order; they have no restart, no
// ladder and no log. What they leave to the kernel we do better, within a
// bound: see [Rest].
//
// docs/containers-compat.md lists the differences that remain, and
// test/compat_*_test.go holds both against the originals.
package compat

import (
	"os"
	"path/filepath"
	"strings"

	"supervise/internal/sv"
)

// Main behaves as the program that args[0] names, and gives its exit status.
// false: it names none of them. It is to be called first thing in main.
func Main(args []string, version string) (status int, ours bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch name := filepath.Base(args[0]); {
	case isTini(name):
		return tini(args, os.LookupEnv, version), true
	case name == "dumb-init":
		return dumbInit(args, os.LookupEnv), true
	case sv.Called(args[0]):
		return sv.Main(args), true
	}
	return 0, false
}

// isTini knows the names under which tini is called: by itself and by its
// releases (tini-static, tini-amd64), by Docker, and by podman, which calls
// what --init-path names so.
func isTini(name string) bool {
	return name == "tini" || strings.HasPrefix(name, "tini-") || name == "docker-init" || name == "podman-init"
}

// lookup is os.LookupEnv.
type lookup func(name string) (value string, set bool)

// ending is how a command line ends that runs nothing.
type ending struct {
	status   int
	out, err string // for stdout and stderr
}
