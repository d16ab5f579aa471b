package visible

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzText: of whatever comes, Text leaves text, Lines that and the ends of lines,
// and Line that, tabs and colours which end with it.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"plain äöü 日本", "\x1b]0;title\a", "a\tb\nc\r", "\x1b[1;38:5:3mx\x1b[m\x1b[2J", "cut \x1b[31", "\x9b2J \u009b2J", "a\u202eb\u2028", "\xff\xc2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		safe := func(got string) bool { return utf8.ValidString(got) && !strings.ContainsFunc(got, Hidden) }
		if got := Text(text); !safe(got) || Text(got) != got {
			t.Errorf("Text(%q) = %q", text, got)
		}
		if got := Lines(text); !safe(strings.ReplaceAll(got, "\n", "")) || strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("Lines(%q) = %q", text, got)
		}
		got, rest := Line(text), ""
		for left := got; left != ""; {
			if n := colourLength(left); n > 0 {
				left = left[n:]
				continue
			}
			_, n := utf8.DecodeRuneInString(left)
			rest, left = rest+left[:n], left[n:]
		}
		if !safe(strings.ReplaceAll(rest, "\t", "")) || strings.Contains(got, "\x1b") && !strings.HasSuffix(got, "\x1b[0m") {
			t.Errorf("Line(%q) = %q", text, got)
		}
	})
}
