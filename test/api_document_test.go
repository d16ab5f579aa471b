package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	apiDocument       = "../docs/api.md"
	documentedSocket  = "/run/demo.sock"
	documentedDir     = "/srv/demo"
	documentedVersion = "1.0"
)

// example is a command of the document, with the output that it shows.
type example struct {
	line    int
	command string
	output  string
}

// TestExamplesOfTheAPI runs every curl command of docs/api.md, in its order,
// against the configuration that stands there. What comes has to be of the same
// shape as what is shown: the same lines, keys and kinds of values, and the same
// values where they are words of ours. With UPDATE_DOCS set, what came is
// written into the document.
func TestExamplesOfTheAPI(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	if _, err := exec.LookPath("curl"); err != nil {
		upNeeds(t, "curl", err)
	}
	b, err := os.ReadFile(apiDocument)
	if err != nil {
		t.Fatal(err)
	}
	document := string(b)
	_, config, ok := strings.Cut(document, "```toml\n")
	config, _, ok2 := strings.Cut(config, "```\n")
	if !ok || !ok2 {
		t.Fatal("the document has no configuration")
	}
	d := openDesk(t, upPlan{config: config})
	d.gets(200, "GET /v1/wait?for=ready&name=*", nil) // before that, states may differ

	examples := examplesOf(document)
	if len(examples) < 20 {
		t.Fatalf("there are only %d examples", len(examples))
	}
	var anew strings.Builder
	from := 0
	lines := strings.SplitAfter(document, "\n")
	for _, e := range examples {
		got := d.runExample(e.command)
		if diff := sameShape(e.output, got); diff != "" && os.Getenv("UPDATE_DOCS") == "" {
			t.Errorf("%s:%d: %s\n%s\nshown:\n%s\ncame:\n%s", apiDocument, e.line, e.command, diff, e.output, got)
		}
		anew.WriteString(strings.Join(lines[from:e.line], "") + got)
		from = e.line + strings.Count(e.output, "\n")
	}
	anew.WriteString(strings.Join(lines[from:], ""))
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(apiDocument, []byte(anew.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.ends(0) // the last example is a shutdown
}

// examplesOf gives the commands in the console blocks of a document.
func examplesOf(document string) (all []example) {
	inside := false
	for i, line := range strings.SplitAfter(document, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console\n"
		case inside && isCommand && strings.Contains(command, "curl"):
			all = append(all, example{line: i + 1, command: strings.TrimSpace(command)})
		case inside && !isCommand && len(all) > 0:
			all[len(all)-1].output += line
		}
	}
	return all
}

// runExample runs a command of the document, with the socket of this test.
func (d *desk) runExample(command string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), upDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(command, documentedSocket, d.socket))
	cmd.Env = append(os.Environ(), "no_proxy=*")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil && !strings.HasPrefix(command, "timeout") || stderr.Len() > 0 {
		d.t.Errorf("%s: %v\n%s", command, err, stderr.String())
	}
	dir, err := filepath.EvalSymlinks(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	version := regexp.MustCompile(`("version":|version=)"[^"]*"`)
	text := strings.NewReplacer(d.dir, documentedDir, dir, documentedDir).Replace(out.String())
	return version.ReplaceAllString(text, `${1}"`+documentedVersion+`"`)
}

var figures = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// sameShape says what differs.
func sameShape(want, got string) string {
	wanted, came := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(wanted) != len(came) {
		return fmt.Sprintf("%d lines, want %d", len(came)-1, len(wanted)-1)
	}
	for i := range wanted {
		var a, b any
		if json.Unmarshal([]byte(wanted[i]), &a) != nil || json.Unmarshal([]byte(came[i]), &b) != nil || !strings.HasPrefix(wanted[i], "{") && !strings.HasPrefix(wanted[i], "[") {
			if figures.ReplaceAllString(wanted[i], "N") != figures.ReplaceAllString(came[i], "N") || len(wanted[i]) == 3 && wanted[i] != came[i] { // a status
				return fmt.Sprintf("line %d is another", i+1)
			}
			continue
		}
		if diff := sameJSON("", a, b); diff != "" {
			return diff
		}
	}
	return ""
}

// words are the keys whose values have to be the same.
var words = []string{"name", "state", "ok", "kind", "event", "service", "signal", "error", "action", "dry_run", "kept", "main", "ready", "command", "needs", "log"}

func sameJSON(path string, a, b any) string {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return path + " is no object"
		}
		keys := func(m map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }
		if keys(a) != keys(b) && path != ".states" {
			return fmt.Sprintf("%s has the keys %s, want %s", path, keys(b), keys(a))
		}
		for k := range a {
			if diff := sameJSON(path+"."+k, a[k], b[k]); diff != "" {
				return diff
			}
		}
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return fmt.Sprintf("%s is %v, want %v", path, b, a)
		}
		for i := range a {
			if diff := sameJSON(path, a[i], b[i]); diff != "" {
				return diff
			}
		}
	default:
		if fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) || slices.Contains(words, path[strings.LastIndex(path, ".")+1:]) && a != b {
			return fmt.Sprintf("%s is %v, want %v", path, b, a)
		}
	}
	return ""
}
