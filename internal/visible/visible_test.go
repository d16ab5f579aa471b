package visible

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTextAndLine(t *testing.T) {
	for _, c := range []struct{ text, line, want string }{
		{"plain äöü 日本", "plain äöü 日本", "plain äöü 日本"},
		{"\x1b]0;title\a", "^[]0;title^G", "^[]0;title^G"},
		{"a\tb\nc", "a\tb^Jc", "a^Ib^Jc"},
		{"\x1b[31mred", "\x1b[31mred\x1b[0m", "^[[31mred"},
		{"\x1b[1;38:5:3mx\x1b[m\x1b[2J", "\x1b[1;38:5:3mx\x1b[m^[[2J\x1b[0m", "^[[1;38:5:3mx^[[m^[[2J"},
		{"cut \x1b[31", "cut ^[[31", "cut ^[[31"},
		{"\x9b2J \u009b2J", "<9b>2J <9b>2J", "<9b>2J <9b>2J"},
		{"\x7f\x00", "^?^@", "^?^@"},
		{"50%\r100%\r", "50%^M100%", "50%^M100%^M"},
		{"a\u202eb", "a<202e>b", "a<202e>b"},
	} {
		if got := Text(c.text); got != c.want {
			t.Errorf("Text(%q) = %q, want %q", c.text, got, c.want)
		}
		if got := Line(c.text); got != c.line {
			t.Errorf("Line(%q) = %q, want %q", c.text, got, c.line)
		}
	}
}

// Whatever a service calls itself, nothing but text and, in a line of output,
// tabs and colours comes through.
func TestNothingHiddenComesThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.SampledFrom([]byte("\x1b[0;]mJ\x9b\xc2\a\r\n\t\x7f x\xe2\x80\xae"))).Draw(t, "text"))
		if got := Text(text); strings.ContainsFunc(got, Hidden) || !utf8.ValidString(got) {
			t.Fatalf("Text(%q) = %q", text, got)
		}
		got := Line(text)
		for rest := got; rest != ""; {
			if n := colourLength(rest); n > 0 {
				rest = rest[n:]
				continue
			}
			r, n := utf8.DecodeRuneInString(rest)
			if r != '\t' && Hidden(r) || r == utf8.RuneError && n == 1 {
				t.Fatalf("Line(%q) = %q", text, got)
			}
			rest = rest[n:]
		}
	})
}
