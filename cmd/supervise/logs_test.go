package main

import (
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/api"
	"supervise/internal/http1"
)

// logSource answers as the server does for services with these names.
func logSource(t *testing.T, names []string, lines []api.Line, asked *url.Values) string {
	return fakeSupervise(t, func(w *http1.Writer, r *http1.Request) {
		switch r.Path {
		case "/v1/services":
			all := []api.Service{}
			for _, name := range names {
				all = append(all, api.Service{Name: name})
			}
			w.JSON(200, all)
			return
		case "/v1/info":
			w.JSON(200, api.Info{PID: 1})
			return
		case "/v1/events":
			w.Stream(200, "application/x-ndjson") // none of another binary
			return
		}
		*asked = r.Query
		out := w.Stream(200, "application/x-ndjson")
		for _, l := range lines {
			text, err := json.Marshal(l)
			if err != nil {
				t.Error(err)
			}
			if _, err := out.Write(append(text, '\n')); err != nil {
				return
			}
		}
	})
}

func TestLogs(t *testing.T) {
	at := time.Date(2026, 11, 26, 17, 0, 0, 5000, time.UTC)
	lines := []api.Line{
		{Time: &at, Service: "a", Line: "one \x1b[2J"},
		{Service: "a", Line: "very "},
		{Service: "a", Line: "long", Part: true},
		{Service: "long-name", Line: "� is not it", Raw: []byte("\xff raw")},
		{Service: "a", Lost: 77},
		{Service: "a", Line: ""},
	}
	const lost = "supervise: 77 bytes of a are lost here, because they were not read fast enough\n"
	for _, c := range []struct {
		what   string
		names  []string
		args   []string
		want   string
		errors string
		status int
		query  url.Values
	}{
		{
			"bytes as they were", []string{"a"}, []string{"a"},
			"one \x1b[2J\nvery long\n\xff raw\n\n", lost, 0, url.Values{"name": {"a"}},
		},
		{
			"two services", []string{"a", "long-name"}, []string{"--all", "-n", "7", "--since", "10m"},
			"a         | one \x1b[2J\na         | very \na         + long\nlong-name | \xff raw\na         | \n",
			lost, 0, url.Values{"name": {"*"}, "n": {"7"}, "since": {"10m"}},
		},
		{
			"timestamps", []string{"a"}, []string{"-t", "a"},
			"2026-11-26T17:00:00.000005Z one \x1b[2J\n- very \n- long\n- \xff raw\n- \n", lost, 0, url.Values{"name": {"a"}},
		},
		{
			"following to the end of supervise", []string{"a"}, []string{"-f", "a"},
			"one \x1b[2J\nvery \nlong\n\xff raw\n\n", lost + "supervise: the supervise at SOCKET has ended\n", 1,
			url.Values{"name": {"a"}, "n": {"10"}, "follow": {"1"}},
		},
	} {
		var asked url.Values
		socket := logSource(t, c.names, lines, &asked)
		out, errs, status := client(t, append([]string{"logs", "--socket", socket}, c.args...)...)
		if diff := cmp.Diff(c.want, out); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
		if diff := cmp.Diff(strings.ReplaceAll(c.errors, "SOCKET", socket), errs); diff != "" || status != c.status {
			t.Errorf("%s: exit status %d, %s", c.what, status, diff)
		}
		if diff := cmp.Diff(c.query, asked); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

func TestLogsAsJSONAreThoseOfTheSocket(t *testing.T) {
	var asked url.Values
	socket := logSource(t, []string{"a"}, []api.Line{{Service: "a", Line: "x", Raw: []byte("\xff")}, {Service: "a", Lost: 3}}, &asked)
	out, errs, status := client(t, "logs", "--json", "--socket", socket, "a")
	want := `{"service":"a","line":"x","raw":"/w=="}` + "\n" + `{"service":"a","line":"","lost":3}` + "\n"
	if out != want || errs != "" || status != 0 {
		t.Errorf("%q, %q, %d", out, errs, status)
	}
}

func TestLogsOnATerminalAreTame(t *testing.T) {
	var b strings.Builder
	w := newLineWriter(&b)
	w.visible = true
	for _, l := range []string{`{"service":"a","line":"\u001b[2J\u001b[31mred"}`, `{"service":"a","line":"","raw":"/w=="}`} {
		if err := w.line([]byte(l)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	if want := "^[[2J\x1b[31mred\x1b[0m\n<ff>\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestACutOffStreamIsAnError(t *testing.T) {
	for _, name := range []string{"logs", "events"} {
		socket := fakeSupervise(t, func(w *http1.Writer, r *http1.Request) {
			if r.Path == "/v1/services" {
				w.JSON(200, []api.Service{{Name: "web"}})
				return
			}
			_, _ = io.WriteString(w.Stream(200, "application/x-ndjson"), `{"service":"web","li`)
		})
		_, errs, status := client(t, append(usual(name), "--socket", socket)...)
		if status != exitNotDone || !strings.Contains(errs, "went away") {
			t.Errorf("%s: %d, %s", name, status, errs)
		}
	}
}
