package main

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"supervise/internal/http1"
)

// usual gives a command words with which it reaches for the socket.
func usual(name string) []string {
	switch name {
	case "signal":
		return []string{name, "HUP", "web"}
	case "start", "stop", "restart", "wait", "logs":
		return []string{name, "web"}
	}
	return []string{name}
}

func TestErrorsHaveTheirExitStatus(t *testing.T) {
	for _, c := range []struct {
		status int
		want   int
		health int
	}{{400, 2, 1}, {404, 2, 1}, {403, 3, 1}, {409, 1, 1}, {500, 1, 1}, {503, 1, 1}} {
		socket := fakeSupervise(t, func(w *http1.Writer, _ *http1.Request) { w.Problem(c.status, "so it is") })
		for _, cmd := range commands() {
			if cmd.Name() == "shutdown" && c.status == 503 { // it waits for an end then
				continue
			}
			want := c.want
			if cmd.Name() == "health" {
				want = c.health
			}
			_, stderr, got := client(t, append(usual(cmd.Name()), "--socket", socket)...)
			if got != want || stderr != "supervise: so it is\n" {
				t.Errorf("%s, answered with %d: exit status %d, want %d; %s", cmd.Name(), c.status, got, want, stderr)
			}
		}
	}
}

func TestNobodyThere(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none")
	for _, cmd := range commands() {
		if cmd.Name() == "wait" { // it gives supervise time; see the scripts
			continue
		}
		want := exitNoSupervise
		if cmd.Name() == "health" {
			want = exitNotDone
		}
		_, stderr, got := client(t, append(usual(cmd.Name()), "--socket", socket)...)
		if got != want || !strings.Contains(stderr, "no supervise is running at "+socket+"; start one with: supervise up") {
			t.Errorf("%s: exit status %d, want %d; %s", cmd.Name(), got, want, stderr)
		}
	}
}

// A supervise that is killed in the middle of an answer, or before it.
func TestSuperviseGoesAway(t *testing.T) {
	for what, answer := range map[string]string{
		"before":      "",
		"in the head": "HTTP/1.1 200 OK\r\nContent-Le",
		"in the body": "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"na",
	} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, 4096)
				_, _ = c.Read(buf)
				_, _ = io.WriteString(c, answer)
				c.Close()
			}
		}()
		for _, cmd := range commands() {
			if cmd.Name() == "shutdown" && what != "before" { // it waits for an end each time
				continue
			}
			_, stderr, got := client(t, append(usual(cmd.Name()), "--socket", socket)...)
			if got != exitNotDone || !strings.Contains(stderr, "went away") {
				t.Errorf("%s, %s: exit status %d; %s", cmd.Name(), what, got, stderr)
			}
		}
	}
}

func TestSocketIsFoundAsUpFindsIt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("SUPERVISE_CONFIG", "")
	t.Setenv("SUPERVISE_SOCKET", "")
	find := func(f clientFlags) string {
		t.Helper()
		path, err := f.find()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	named := find(clientFlags{config: "no/such.toml"}) // which need not be there
	if !strings.HasPrefix(named, dir+"/supervise/such-") {
		t.Errorf("-c alone: %s", named)
	}
	t.Setenv("SUPERVISE_CONFIG", "no/such.toml")
	if got := find(clientFlags{}); got != named {
		t.Errorf("SUPERVISE_CONFIG: %s, want %s", got, named)
	}
	t.Setenv("SUPERVISE_SOCKET", "/a")
	if got := find(clientFlags{config: "no/such.toml"}); got != "/a" {
		t.Errorf("SUPERVISE_SOCKET: %s, want /a", got)
	}
	if got := find(clientFlags{socket: "/b", config: "no/such.toml"}); got != "/b" {
		t.Errorf("--socket: %s, want /b", got)
	}
}

func TestNamesAreWanted(t *testing.T) {
	for _, name := range []string{"start", "stop", "restart", "wait", "logs"} {
		if _, stderr, status := client(t, name); status != exitUsage || !strings.Contains(stderr, "name at least one service") {
			t.Errorf("%s: %d, %s", name, status, stderr)
		}
		if _, stderr, status := client(t, name, "--all", "web"); status != exitUsage || !strings.Contains(stderr, "exclude each other") {
			t.Errorf("%s --all web: %d, %s", name, status, stderr)
		}
		if _, stderr, status := client(t, name, ""); status != exitUsage || !strings.Contains(stderr, "is no name") {
			t.Errorf("%s \"\": %d, %s", name, status, stderr)
		}
	}
}

func TestAnUnknownFlagLeadsToTheRightOne(t *testing.T) {
	for args, want := range map[string]string{
		"status --sokcet x":   "supervise: unknown flag: --sokcet; did you mean --socket?\n",
		"wait --wait 1s web":  "supervise: unknown flag: --wait; supervise wait --help lists those that there are\n",
		"start -z web":        "supervise: unknown shorthand flag: 'z' in -z; supervise start --help lists those that there are\n",
		"wait --timeout x db": "supervise: invalid argument",
	} {
		if _, stderr, status := client(t, strings.Fields(args)...); status != exitUsage || !strings.HasPrefix(stderr, want) {
			t.Errorf("%s: %d, %s", args, status, stderr)
		}
	}
}
