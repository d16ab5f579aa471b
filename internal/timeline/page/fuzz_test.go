package page

import (
	"os"
	"strings"
	"testing"

	"supervise/internal/record"
	"supervise/internal/timeline"
)

// FuzzPage: a trace may come from anybody; its page has the elements that every
// page has.
func FuzzPage(f *testing.F) {
	b, err := os.ReadFile("../testdata/stubborn.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add(strings.ReplaceAll(string(b), "sh", "</script><script>alert(1)</script>"))
	var plain strings.Builder
	if err := Write(&plain, &timeline.Timeline{}); err != nil {
		f.Fatal(err)
	}
	elements := strings.Count(plain.String(), "<")
	f.Fuzz(func(t *testing.T, text string) {
		trace, err := record.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		if err := Write(&b, timeline.Build(trace)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "<"); got != elements {
			t.Errorf("%d elements or their like, where all have %d", got, elements)
		}
	})
}
