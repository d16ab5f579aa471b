// Package sv controls the services of runit as sv 2.1.2 does: the same verbs,
// options, messages, streams and exit statuses, with whatever supervises the
// service directories, runsv or supervise. It answers when something has happened
// instead of looking every 420 ms.
//
//	command.go    reads a command line: which letters are sent, what is waited for
//	condition.go  when has it taken effect: one status
//	waiting.go    … and many, over time
//	text.go       what is said of a status and of an error
//	client.go     does all that, with real services
//	script.go     runs ./check
//	watch.go      tells of changes
//
// The first four are pure. docs/sv.md lists the differences that remain, and
// test/sv_*_test.go holds both against the original.
package sv

import (
	"os"
	"path/filepath"
	"strings"
)

// Main is the program. It gives its exit status: for sv the number of failures,
// 99 at the most, and 100 for wrong usage; as an init script those of LSB.
func Main(args []string) int {
	cmd, end := parse(args, os.LookupEnv)
	if end != nil {
		os.Stderr.WriteString(end.text)
		return end.status
	}
	return newClient(cmd).run()
}

// Called says whether a program that was called by this name is sv: by its own
// name, or as the service that it is to control, by a link to it (/etc/init.d/web →
// /usr/bin/sv).
func Called(name string) bool {
	for range 8 { // links; those of a system are one or two
		if filepath.Base(name) == "sv" {
			return true
		}
		if !strings.Contains(name, "/") {
			return false
		}
		target, err := os.Readlink(name)
		if err != nil {
			return false
		}
		if !filepath.IsAbs(target) {
			target = filepath.Dir(name) + "/" + target
		}
		name = target
	}
	return false
}
