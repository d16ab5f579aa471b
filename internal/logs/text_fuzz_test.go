package logs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"supervise/internal/event"
	"supervise/internal/visible"
)

// FuzzLines: what a service writes in a line, and what is said of it, stays in its
// line, and on a terminal it is text and colours.
func FuzzLines(f *testing.F) {
	f.Add("web", []byte("hello"), "why")
	f.Add("web", []byte("50%\r15:04:05 supervise * all is well"), "\n15:04:05 supervise * all is well")
	f.Add("web", []byte("\x1b[1A\x1b[2K\x1b[31mred\xff"), "\x1b]0;x\a")
	f.Fuzz(func(t *testing.T, service string, line []byte, why string) {
		if !utf8.ValidString(service) || strings.ContainsFunc(service, visible.Hidden) || strings.ContainsRune(string(line), '\n') {
			return // neither can be
		}
		text := NewText([]string{"web"}, false)
		e := stamped(event.Event{Name: event.ServiceFailed, Service: service, Why: why})
		for name, got := range map[string]string{
			"line": string(Screen{text}.Line(nil, service, at, line, false)), "part": string(Screen{text}.Line(nil, service, at, line, true)), "event": string(Screen{text}.Event(nil, e)),
			"bare": string(Bare{}.Event(nil, e)),
		} {
			got, ended := strings.CutSuffix(got, "\n")
			if !ended || visible.Line(got) != got && visible.Line(got) != got+"\x1b[0m" {
				t.Errorf("%s: %q", name, got)
			}
			if name == "event" && strings.ContainsFunc(got, visible.Hidden) {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := string(text.Line(nil, service, at, line, false)); !strings.HasSuffix(got, string(line)+"\n") {
			t.Errorf("not for a terminal the bytes are what they were: %q", got)
		}
	})
}
