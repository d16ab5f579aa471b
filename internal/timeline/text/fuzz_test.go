package text

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"supervise/internal/record"
	"supervise/internal/timeline"
)

// FuzzDraw: a trace may come from anybody; what is drawn of it is lines of text.
func FuzzDraw(f *testing.F) {
	for _, name := range []string{"stubborn", "up"} {
		b, err := os.ReadFile("../testdata/" + name + ".jsonl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), 80)
	}
	f.Fuzz(func(t *testing.T, text string, width int) {
		trace, err := record.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, look := range []Look{{Width: width & 0xff}, {Width: 60, ASCII: true}} {
			var b strings.Builder
			if err := Write(&b, timeline.Build(trace), look); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(b.String(), "\n", ""); strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("it draws %q", got)
			}
		}
	})
}
