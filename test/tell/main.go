// Command tell reads what `go test -json` writes, one run after the other, and tells
// it as `go test` without -v would: failures and a line for each package. Besides,
// each minute how far it is, and in the end which tests were skipped, and why, and which
// have failed: packages are tested beside each other, so that above it need not be
// clear whose test one is. What is no JSON is passed on. It ends with 1 if anything has
// failed, also if a line "exit status N" says that of go test itself: it may have had no
// package to tell of.
//
//	{ go test -json ./... || echo "exit status $?"; } | go run ./test/tell
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	if !tell(os.Stdin, os.Stdout) {
		os.Exit(1)
	}
}

// step is a line of `go test -json`, see `go doc test2json`.
type step struct {
	Time    time.Time
	Action  string
	Package string
	Test    string
	Output  string
}

// run is one package under test.
type run struct {
	lines    []line
	finished map[string]string // tests, and how each has ended
	failed   bool              // one of them
}

type line struct{ test, text string }

// minutely is how often it is told how far the tests are.
const minutely = time.Minute

// tell says whether all is well.
func tell(from io.Reader, to io.Writer) bool {
	runs := map[string]*run{}
	skipped := map[string][]string{} // tests, by reason
	var failures []string            // package and test
	failed, tested, tests := false, false, 0
	var last time.Time
	lines := bufio.NewReader(from)
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) == 0 && err != nil {
			break
		}
		var s step
		if text[0] != '{' || json.Unmarshal(text, &s) != nil {
			failed = failed || bytes.HasPrefix(text, []byte("exit status "))
			to.Write(text) //nolint:errcheck // as for all output: there is no other
			continue
		}
		r := runs[s.Package]
		if r == nil {
			r = &run{finished: map[string]string{}}
			runs[s.Package] = r
		}
		switch s.Action {
		case "build-output":
			fmt.Fprint(to, s.Output)
		case "output":
			r.lines = append(r.lines, line{s.Test, s.Output})
		case "build-fail":
			failed = true
		case "pass", "fail", "skip":
			if s.Test != "" {
				tests++
				r.finished[s.Test] = s.Action
				if s.Action == "skip" {
					why := r.why(s.Test)
					skipped[why] = append(skipped[why], s.Test)
				}
				if !strings.Contains(s.Test, "/") {
					r.told(to, s.Test, s.Action == "fail")
					if s.Action == "fail" {
						r.failed = true
						failures = append(failures, s.Package+" "+s.Test)
					}
				}
				break
			}
			tested = true
			if s.Action == "fail" {
				failed = true
				if !r.failed {
					failures = append(failures, s.Package)
				}
			}
			r.over(to, s.Action == "fail")
			delete(runs, s.Package)
		}
		if last.IsZero() || s.Action == "start" {
			last = s.Time
		} else if s.Time.Sub(last) >= minutely {
			last = s.Time
			fmt.Fprintf(to, "%s: %d tests so far\n", s.Time.Local().Format("15:04"), tests)
		}
	}
	for _, r := range runs { // who runs the tests was killed
		if len(r.lines) > 0 {
			failed = true
			r.over(to, true)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(skipped)) {
		fmt.Fprintf(to, "skipped, %s: %s\n", why, strings.Join(skipped[why], ", "))
	}
	for _, name := range failures {
		fmt.Fprintf(to, "failed: %s\n", name)
	}
	return tested && !failed
}

// told tells of a test that has ended, with all that is in it, if it failed, and
// forgets it.
func (r *run) told(to io.Writer, test string, failed bool) {
	r.lines = slices.DeleteFunc(r.lines, func(l line) bool {
		in := l.test == test || strings.HasPrefix(l.test, test+"/")
		if in && failed && r.finished[l.test] == "fail" {
			l.tell(to)
		}
		return in
	})
}

// over tells of a package that has been tested: if it failed, all that is left, such as
// a panic.
func (r *run) over(to io.Writer, failed bool) {
	for _, l := range r.lines {
		if failed || strings.HasPrefix(l.text, "ok  \t") {
			l.tell(to)
		}
	}
}

// tell leaves out what only -v tells.
func (l line) tell(to io.Writer) {
	if !strings.HasPrefix(l.text, "=== ") {
		fmt.Fprint(to, l.text)
	}
}

var said = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: (.*)\n`)

// why is what a test that was skipped has said last.
func (r *run) why(test string) (why string) {
	why = "without a word"
	for _, l := range r.lines {
		if m := said.FindStringSubmatch(l.text); m != nil && l.test == test {
			why = m[1]
		}
	}
	return why
}
