package config

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplitWords(t *testing.T) {
	for _, test := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{" \t\n", nil},
		{"a b\tc\nd", []string{"a", "b", "c", "d"}},
		{`a 'b c' "d e"`, []string{"a", "b c", "d e"}},
		{`a'b'"c"d`, []string{"abcd"}},
		{`'' ""`, []string{"", ""}},
		{`a\ b \'c`, []string{"a b", "'c"}},
		{`"a\"b\\c\d\$"`, []string{`a"b\c\d$`}},
		{`'a\b"'`, []string{`a\b"`}},
		{"a\\\nb", []string{"ab"}},
		{"\"a\\\nb\"", []string{"ab"}},
		{`$HOME * ; # | é`, []string{"$HOME", "*", ";", "#", "|", "é"}},
	} {
		got, err := SplitWords(test.line)
		if err != nil {
			t.Errorf("SplitWords(%q): %v", test.line, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("SplitWords(%q) (-want +got):\n%s", test.line, diff)
		}
	}
	for _, line := range []string{`'a`, `"a`, `a\`, `"a\"`, `'`, `"`} {
		if words, err := SplitWords(line); err == nil {
			t.Errorf("SplitWords(%q) = %q, want an error", line, words)
		}
	}
}

// TestSplitWordsAsTheShellDoes asks sh how it splits the same line.
func TestSplitWordsAsTheShellDoes(t *testing.T) {
	// Characters that the shell would take as more than a word are left out.
	line := rapid.StringOfN(rapid.SampledFrom([]rune("ab '\"\\\t")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		line := line.Draw(t, "line")
		words, err := SplitWords(line)
		if err != nil {
			return
		}
		out, err := exec.Command("sh", "-c", `for w in `+line+`; do printf '%s\n' "<$w>"; done`).Output()
		if err != nil {
			t.Fatalf("sh cannot read %q: %v", line, err)
		}
		var want strings.Builder
		for _, w := range words {
			want.WriteString("<" + w + ">\n")
		}
		if want.String() != string(out) {
			t.Fatalf("SplitWords(%q) = %q; sh says %q", line, words, out)
		}
	})
}

// FuzzSplitWords quotes the words that come out and splits them again.
func FuzzSplitWords(f *testing.F) {
	f.Add(`a 'b c' "d\"e" f\ g`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := SplitWords(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := SplitWords(strings.Join(quoted, " "))
		if err != nil || !cmp.Equal(words, again) {
			t.Fatalf("%q became %q, %v", words, again, err)
		}
	})
}
