package fullscreen

import (
	"slices"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		bytes string
		want  []Event
	}{
		{"a", []Event{Key("a")}},
		{"aé界", []Event{Key("a"), Key("é"), Key("界")}},
		{" \r\n\t\x7f\x08", []Event{Key("space"), Key("enter"), Key("enter"), Key("tab"), Key("backspace"), Key("backspace")}},
		{"\x03\x1a\x0c", []Event{Key("ctrl+c"), Key("ctrl+z"), Key("ctrl+l")}},
		{"\x1b[A\x1b[B\x1bOC\x1b[D", []Event{Key("up"), Key("down"), Key("right"), Key("left")}},
		{"\x1b[H\x1b[4~\x1b[5~\x1b[6~\x1bOF", []Event{Key("home"), Key("end"), Key("pgup"), Key("pgdown"), Key("end")}},
		{"\x1b[1;5A", []Event{Key("up")}},
		{"\x1b[Z", []Event{Key("shift+tab")}},
		{"\x1b", []Event{Key("esc")}},
		{"\x1b\x1b", []Event{Key("esc"), Key("esc")}},
		{"\x1bx", nil},                   // Alt-x
		{"\x1b[24~q", []Event{Key("q")}}, // F12
		{"\x1b[[Aq", []Event{Key("q")}},  // F1 of the Linux console
		{"\x1b[?1;2cq", []Event{Key("q")}},
		{"\x1b[1", nil},
		{"\xff\x00\x1fq", []Event{Key("q")}},
		{"\x1b[200~stop\nx\x1b[A\x1b[201~y", []Event{Paste("stopx[A"), Key("y")}},
	} {
		got, rest := Decode([]byte(c.bytes), true)
		if !slices.Equal(got, c.want) || len(rest) > 0 {
			t.Errorf("%q is %q and leaves %q, want %q", c.bytes, got, rest, c.want)
		}
	}
}

func TestDecodeWaitsForTheRest(t *testing.T) {
	for _, whole := range []string{"\x1b[A", "\x1bOA", "\x1b[5~", "界", "\x1b[200~abc\x1b[201~", "\x1b[[A"} {
		want, _ := Decode([]byte(whole), true)
		for i := 1; i < len(whole); i++ {
			got, rest := Decode([]byte(whole[:i]), false)
			if len(got) > 0 {
				t.Errorf("%q gives %q before its end", whole[:i], got)
			}
			if got, rest = Decode(append(rest, whole[i:]...), true); !slices.Equal(got, want) || len(rest) > 0 {
				t.Errorf("%q cut at %d is %q, want %q", whole, i, got, want)
			}
		}
	}
}

// FuzzDecode: whatever comes, and however it is cut, decoding ends, gives the
// same as in one piece, and types nothing that is not printable.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("a\x1b[A\x1b[200~x\x1b[201~é\x1b"), 3)
	f.Add([]byte("\x1b[200~never ends"), 7)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole, _ := Decode(slices.Clone(b), true)
		cut = max(0, min(cut, len(b)))
		pieces, rest := Decode(slices.Clone(b[:cut]), false)
		more, _ := Decode(append(slices.Clone(rest), b[cut:]...), true)
		if got := append(pieces, more...); !slices.Equal(got, whole) {
			t.Errorf("%q is %q, cut at %d %q", b, whole, cut, got)
		}
		for _, e := range whole {
			text := ""
			switch e := e.(type) {
			case Key:
				text = string(e)
			case Paste:
				text = string(e)
			}
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q gives %q", b, e)
			}
		}
	})
}

func TestDifferenceWritesWhatHasChanged(t *testing.T) {
	was := []string{"one", "two", "three"}
	if got := Difference(was, slices.Clone(was)); got != "" {
		t.Errorf("nothing has changed, and it writes %q", got)
	}
	got := Difference(was, []string{"one", "2", "three"})
	if want := "\x1b[?2026h\x1b[2;1H\x1b[m\x1b[2K2\x1b[m\x1b[?2026l"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Difference(was, []string{"one"}); !strings.Contains(got, "\x1b[2;1H\x1b[m\x1b[2K\x1b[3;1H\x1b[m\x1b[2K") {
		t.Errorf("lines that are gone stay: %q", got)
	}
	if got := Difference(nil, []string{"one"}); !strings.Contains(got, "\x1b[2J") || !strings.Contains(got, "one") {
		t.Errorf("an unknown screen is not cleared: %q", got)
	}
}
