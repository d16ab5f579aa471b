package test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The commands of the README that ask the example are run, one after the other,
// in a copy of it. What flaky does depends on the moment, so its lines don't count.
func TestTheReadmeAsksTheExample(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(page), "## Ask it while it runs")
	block := regexp.MustCompile("(?ms)^```console\n(.*?)^```$").FindStringSubmatch(part)
	if block == nil {
		t.Fatal("the README shows no commands")
	}
	u := upStart(t, upPlan{files: theExample(t), flags: spoken})
	u.until("service.running", "worker")
	u.until("service.done", "hello")
	u.line("stubborn", "I ignore TERM")
	flaky := regexp.MustCompile("(?m)^.*flaky.*\n?")
	for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
		line, want, _ := strings.Cut(strings.TrimSuffix(step, "\n"), "\n")
		out := u.asShown(line)
		if got, want := flaky.ReplaceAllString(steady(out), ""), flaky.ReplaceAllString(steady(want), ""); got != want {
			t.Errorf("$ %s\n%s\nbut the README has\n%s\nas a whole: %s", line, got, want, out)
		}
	}
	u.ends(0)
}
