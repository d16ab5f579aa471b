package lines

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// joined gives the lines of chunks, with the pieces of long ones put together.
func joined(t interface{ Fatalf(string, ...any) }, chunks ...[]byte) (whole []string) {
	var s Splitter
	each := func(line []byte, part bool) {
		if len(line) > Max {
			t.Fatalf("a piece of %d bytes", len(line))
		}
		if part {
			whole[len(whole)-1] += string(line)
		} else {
			whole = append(whole, string(line))
		}
	}
	for _, c := range chunks {
		s.Split(c, each)
		if s.Pending() > Max || cap(s.partial) > 2*Max {
			t.Fatalf("%d bytes are kept", cap(s.partial))
		}
	}
	s.End(each)
	return whole
}

// naive is what the lines of a text are.
func naive(text string) (whole []string) {
	for line := range strings.Lines(text) {
		whole = append(whole, strings.TrimSuffix(line, "\n"))
	}
	return whole
}

func TestLinesDoNotDependOnHowTheyAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(0, 6).Draw(t, "lines") {
			n := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(Max-2, Max+2), rapid.IntRange(2*Max-1, 3*Max)).Draw(t, "length")
			text = append(append(text, strings.Repeat(string(rune('a'+n%26)), n)...), '\n')
		}
		if rapid.Bool().Draw(t, "no newline at the end") && len(text) > 0 {
			text = text[:len(text)-1]
		}
		var chunks [][]byte
		for rest := text; len(rest) > 0; {
			n := min(rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 2*Max)).Draw(t, "chunk"), len(rest))
			chunks = append(chunks, rest[:n])
			rest = rest[n:]
		}
		if got, want := joined(t, chunks...), naive(string(text)); !slices.Equal(got, want) {
			t.Errorf("%d lines became %d", len(want), len(got))
		}
	})
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\nbc\n\nd"), uint16(2))
	f.Add([]byte(strings.Repeat("x", 3*Max)+"\n"), uint16(5000))
	f.Fuzz(func(t *testing.T, text []byte, size uint16) {
		if got, want := joined(t, slices.Collect(slices.Chunk(text, int(size)+1))...), naive(string(text)); !slices.Equal(got, want) {
			t.Errorf("%q in chunks of %d became %q", want, int(size)+1, got)
		}
	})
}

func TestALineOfTheGreatestLengthIsOnePiece(t *testing.T) {
	full := strings.Repeat("x", Max)
	for _, c := range []struct {
		chunks []string
		want   string
	}{
		{[]string{full + "\n"}, "|" + full},
		{[]string{full, "\n"}, "|" + full},
		{[]string{full + "y\nz\n"}, "|" + full + "+y|z"},
		{[]string{full, "y", "\n", "z\n"}, "|" + full + "+y|z"},
		{[]string{full + full + "\n"}, "|" + full + "+" + full},
	} {
		var s Splitter
		got := ""
		for _, chunk := range c.chunks {
			s.Split([]byte(chunk), func(line []byte, part bool) {
				mark := "|"
				if part {
					mark = "+"
				}
				got += mark + string(line)
			})
		}
		if got != c.want {
			t.Errorf("%d chunks: got %d bytes, want %d", len(c.chunks), len(got), len(c.want))
		}
		if s.partial != nil || s.cut {
			t.Errorf("%d chunks: something is left", len(c.chunks))
		}
	}
}
