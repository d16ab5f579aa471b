package probe

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestALineOfOutputMatchesOnce(t *testing.T) {
	long := strings.Repeat("x", longestLogLine)
	for _, c := range []struct {
		pattern string
		chunks  []string
		at      int // the chunk that makes it match; -1: none
	}{
		{"ready", []string{"not yet\nrea", "dy\n", "ready\n"}, 1},
		{"^ready$", []string{"ready", " not\n", "ready\r", "\n"}, 3},
		{"ready", []string{"ready"}, -1}, // not whole
		{"a\nb", []string{"a\nb\n"}, -1}, // never over lines
		{"^$", []string{"x\n", "\n"}, 1},
		{"x$", []string{long[1:], "x", "\n"}, 1}, // judged before it is whole
		{"ready", []string{long + "ready\n", "ready\n"}, 1},
		{"ready", []string{long, "\n", "not", "\nready\n"}, 3},
		{"ready", []string{"", "ready\n"}, 1},
		{"two", []string{"one\ntwo\ntwo\n"}, 0},
	} {
		m := NewLogMatcher(regexp.MustCompile(c.pattern))
		for i, chunk := range c.chunks {
			if got := m.Feed([]byte(chunk)); got != (i == c.at) {
				t.Errorf("%s in %.40q: chunk %d: %t, want a match in chunk %d", c.pattern, c.chunks, i, got, c.at)
			}
		}
	}
}

func TestALineWithoutEndIsNotKept(t *testing.T) {
	m := NewLogMatcher(regexp.MustCompile("never"))
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 100 {
		m.Feed(chunk)
	}
	if cap(m.line) > 2*longestLogLine {
		t.Errorf("%d bytes are kept", cap(m.line))
	}
	small := chunk[:1000]
	if n := testing.AllocsPerRun(100, func() { m.Feed(small) }); n > 0 {
		t.Errorf("%v allocations for each chunk of a line that is not wanted", n)
	}
}

// FuzzLogMatcher holds the matcher against splitting the whole output into
// lines.
func FuzzLogMatcher(f *testing.F) {
	f.Add([]byte("one\ntwo\r\nthree\n"), 2, 4)
	f.Add([]byte("aaaaaaaab\nb\r\n\r\nb"), 1, 3)
	pattern := regexp.MustCompile(`^(b|aab|$)|b$|\x00`)
	f.Fuzz(func(t *testing.T, output []byte, size, longest int) {
		longest = 1 + longest&0xff
		want := false
		lines := bytes.Split(output, []byte("\n"))
		for i, line := range lines {
			if len(line) >= longest {
				line = line[:longest]
			} else if i == len(lines)-1 {
				break // not whole
			} else {
				line = bytes.TrimSuffix(line, []byte("\r"))
			}
			want = want || pattern.Match(line)
		}
		m := &LogMatcher{pattern: pattern, longest: longest}
		times := 0
		for rest := output; len(rest) > 0; {
			n := min(len(rest), 1+size&0xff)
			if m.Feed(bytes.Clone(rest[:n])) {
				times++
			}
			rest = rest[n:]
		}
		if times > 1 || (times == 1) != want {
			t.Fatalf("%q in pieces of %d, longest %d: found %d times, want %t", output, 1+size&0xff, longest, times, want)
		}
	})
}
