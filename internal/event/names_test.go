package event

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNamesListsEveryEvent(t *testing.T) {
	constants := namesInSource(t)
	for constant, name := range constants {
		if !slices.Contains(Names(), name) {
			t.Errorf("Names has no %s", constant)
		}
	}
	if len(constants) != len(Names()) {
		t.Errorf("%d events in event.go, %d in Names", len(constants), len(Names()))
	}
}

// A first column of the page holds names; one that begins with a dot has the
// noun of the one before it.
func TestThePageTellsOfEveryEvent(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "| event | |\n")
	if !ok {
		t.Fatal("the page has no table of events")
	}
	var told []Name
	noun := ""
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 3 {
			break
		}
		for _, name := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(cells[1], -1) {
			before, verb, _ := strings.Cut(name[1], ".")
			if before != "" {
				noun = before
			}
			told = append(told, Name(noun+"."+verb))
		}
	}
	for _, name := range Names() {
		if !slices.Contains(told, name) {
			t.Errorf("docs/events.md does not tell of %s", name)
		}
	}
	for _, name := range told {
		if !slices.Contains(Names(), name) {
			t.Errorf("docs/events.md tells of %s, which there is not", name)
		}
	}
}
