package main

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"supervise/internal/http1"
)

// fakeSupervise answers as the test wants, and gives the socket.
func fakeSupervise(t *testing.T, answer func(*http1.Writer, *http1.Request)) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := http1.NewServer(answer)
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

// client runs a command, and gives what it prints and its exit status.
func client(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	for _, name := range []string{"SUPERVISE_SOCKET", "SUPERVISE_CONFIG"} {
		t.Setenv(name, "")
	}
	root := newRootCommand(nil, nil)
	var out, errs bytes.Buffer
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.Execute()
	if err != nil {
		e := exit{exitUsage, err}
		errors.As(err, &e)
		if status = e.status; e.err != nil {
			errs.WriteString("supervise: " + e.err.Error() + "\n")
		}
	}
	return out.String(), errs.String(), status
}

// commands gives the commands that speak to a running supervise, but for the one
// that wants a terminal.
func commands() (all []*cobra.Command) {
	for _, c := range newRootCommand(nil, nil).Commands() {
		if c.GroupID == groupAsk && c.Name() != "top" {
			all = append(all, c)
		}
	}
	return all
}
