package disposition

import (
	"path"
	"slices"
	"strings"

	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// kind is a kind of program of which it is known how it goes about signals.
type kind string

const (
	other  kind = ""
	shell  kind = "shell"
	npm    kind = "npm" // and npx, yarn, pnpm
	python kind = "python"
	node   kind = "node"
	java   kind = "java"
	golang kind = "go"
)

var (
	shells  = []string{"sh", "dash", "bash", "rbash", "ash", "zsh", "ksh", "mksh", "ksh93", "fish"}
	runners = []string{"npm", "npx", "yarn", "pnpm", "npm-cli.js", "npx-cli.js", "yarn.js", "pnpm.cjs"}
)

// kindOf tells it by what the process calls itself. Scripts are named after
// their file, and called with their interpreter.
func kindOf(argv []string, name string) kind {
	words := argv
	if len(words) == 0 {
		words = []string{name}
	}
	if len(words) == 1 { // a process title: "npm run start"
		words = strings.Fields(words[0])
	}
	if len(words) == 0 {
		return other
	}
	program := strings.TrimPrefix(path.Base(words[0]), "-") // of a login shell
	if program == "busybox" && len(words) > 1 {
		program = words[1]
	}
	if (program == "node" || program == "nodejs") && len(words) > 1 {
		if script := path.Base(words[1]); slices.Contains(runners, script) {
			program = script
		}
	}
	switch {
	case slices.Contains(shells, program):
		return shell
	case slices.Contains(runners, program):
		return npm
	case isPython(program):
		return python
	case program == "node" || program == "nodejs":
		return node
	case program == "java":
		return java
	}
	return other
}

// isPython: python, python3, python3.12.
func isPython(program string) bool {
	version, ok := strings.CutPrefix(program, "python")
	return ok && strings.Trim(version, "0123456789.") == ""
}

func (f *Facts) kind() kind {
	if looksLikeGo(f.Status.Caught) {
		return golang
	}
	return kindOf(f.Argv, f.Name)
}

// looksLikeGo says whether this is what Go's runtime catches (runtime/sigtab_linux_generic.go):
// whatever can be caught, the real-time signals from 35 on too. Nobody else does.
func looksLikeGo(caught procfs.Signals) bool {
	for _, s := range []signals.Signal{signals.PIPE, signals.TERM, signals.URG, signals.PROF, signals.WINCH} {
		if !caught.Has(int(s)) {
			return false
		}
	}
	for n := 35; n <= 64; n++ {
		if !caught.Has(n) {
			return false
		}
	}
	return true
}

// interactive says whether it looks like a shell that talks to somebody: it
// ignores TERM and what would stop it, as POSIX asks of it.
func (f *Facts) interactive() bool {
	for _, s := range []signals.Signal{signals.TERM, signals.TTIN, signals.TTOU} {
		if !f.Status.Ignored.Has(int(s)) {
			return false
		}
	}
	return f.kind() == shell
}

// children are those descendants that it is the parent of.
func (f *Facts) children() (all []Neighbour) {
	for _, d := range f.Descendants {
		if d.PPID == f.PID {
			all = append(all, d)
		}
	}
	return all
}

// worker gives the process that does the work below a wrapper: the first below
// all shells; and the first of these shells, if there is one.
func (f *Facts) worker() (worker, between Neighbour) {
	at := f.PID
	for {
		i := slices.IndexFunc(f.Descendants, func(d Neighbour) bool { return d.PPID == at })
		if i < 0 {
			return worker, between
		}
		d := f.Descendants[i]
		if kindOf(d.Argv, d.Name) != shell {
			return d, between
		}
		if between.PID == 0 {
			between = d
		}
		worker, at = d, d.PID
	}
}
