// Package probe looks at a service from outside: does it accept a connection,
// does it answer as it should, does a command say that it is well, is a file
// there.
//
// # What it promises
//
// A look ends at its deadline whatever the other side does: never answers,
// answers a byte a second for ever, sends a gigabyte. It leaves nothing behind,
// no connection, no goroutine, no process (of commands, the [Runner] sees to
// that). It reads at most 64 KiB of a body. One thing has no deadline: a file
// on a file system whose server is gone (nfs(5), "hard"), since no process can
// take back what it asked the kernel. Such a look comes back when the server
// does; nothing should wait for it.
//
// What a look says is one line, fit for a status display, without control
// characters, whatever the other side sent.
//
// # What it never does
//
// It counts nothing and decides nothing: how many failures are too many, and
// what follows, is the service's state machine's to say. It follows no
// redirects and speaks no TLS. It does not listen: what a service tells by
// itself (notify, fd) is not looked at. For what it writes there is
// [LogMatcher].
package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"supervise/internal/config"
	"supervise/internal/policy"
)

// Runner runs a command in the surroundings of the service. At the end of ctx
// it kills the command with all that it started, and returns. output is what the
// command wrote to both its outputs; a runner that keeps a part of it only,
// keeps the end. The error says why it could not be run, or not be killed.
type Runner interface {
	Run(ctx context.Context, command []string) (exit policy.Exit, output []byte, err error)
}

// Look looks once. Nil says that all is well, the error in one short line why
// not. When ctx ends before the deadline of the look does, the error is that of
// ctx. run is used by kind = exec alone.
func Look(ctx context.Context, p *config.Probe, run Runner) error {
	timed, cancel := context.WithTimeoutCause(ctx, p.Timeout, late(p.Timeout))
	defer cancel()
	var err error
	switch p.Kind {
	case config.ProbeTCP:
		err = connect(timed, p)
	case config.ProbeHTTP:
		err = ask(timed, p)
	case config.ProbeExec:
		err = command(timed, p, run)
	case config.ProbeFile:
		err = file(p)
	default:
		return fmt.Errorf("a probe of kind %q cannot be looked at: this is a fault in supervise", p.Kind)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// late is the end of a look's time.
type late time.Duration

func (l late) Error() string   { return fmt.Sprintf("no answer within %s", time.Duration(l)) }
func (l late) Timeout() bool   { return true }
func (l late) Temporary() bool { return true }

// command runs one. Its last line is what people write there for others to
// read.
func command(ctx context.Context, p *config.Probe, run Runner) error {
	exit, output, err := run.Run(ctx, p.Command)
	why := exit.String()
	switch {
	case ctx.Err() != nil:
		why = fmt.Sprintf("has not ended within %s", p.Timeout)
		if err != nil { // it could not be killed either
			return fmt.Errorf("%s: %w", why, err)
		}
	case err != nil:
		return err
	case exit == policy.Exit{}:
		return nil
	}
	if line := lastLine(output); line != "" {
		why += ": " + line
	}
	return errors.New(why)
}

// file says whether something is there, of whatever type.
func file(p *config.Probe) error {
	_, err := os.Stat(p.Path)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%s is not there", p.Path)
	}
	return fmt.Errorf("%s: %w", p.Path, err)
}

// lastLine gives the last line that is not blank.
func lastLine(output []byte) string {
	output = bytes.TrimRightFunc(output, unicode.IsSpace)
	return oneLine(output[bytes.LastIndexByte(output, '\n')+1:])
}

// longestLine is what fits into a line of a status display.
const longestLine = 120

// oneLine makes foreign text fit to be shown: what is before the first end of
// line, without control characters, and not too long.
func oneLine(text []byte) string {
	text, _, _ = bytes.Cut(bytes.TrimLeftFunc(text, unicode.IsSpace), []byte("\n"))
	long := len(text) > 4*longestLine
	s := strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(string(text[:min(len(text), 4*longestLine)]), " "))
	s = strings.TrimSpace(s)
	for n := range s {
		if utf8.RuneCountInString(s[:n]) == longestLine {
			s, long = s[:n], true
			break
		}
	}
	if long {
		s += "..."
	}
	return s
}
