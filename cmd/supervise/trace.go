package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"supervise/internal/private"
	"supervise/internal/record"
	"supervise/internal/signals"
	"supervise/internal/timeline"
	"supervise/internal/timeline/page"
	"supervise/internal/timeline/text"
)

// traceFlags are the flags of `supervise trace`, besides those of run.
type traceFlags struct {
	run  runFlags
	show string
	html string
	json bool
	all  bool
}

func newTraceCommand(receiver *signals.Receiver) *cobra.Command {
	var f traceFlags
	cmd := &cobra.Command{
		Use:   "trace [flags] -- CMD [ARG...]",
		Short: "run one program and show each signal: who sent it, whom it reached, what became of it",
		Long: `Run one program as "supervise run" does, with its flags and its exit status,
record every signal, and draw them when it has ended: on stderr, so that the
program's output stays what it is, or with --html as a page for a browser.

With --show, draw what "run --trace FILE" or "up --trace FILE" has recorded, or what
"supervise events --json" has printed; "-" is the standard input. It may be of a
supervise that still runs, or was killed.

Exit status: that of "supervise run"; with --show 0, or 2 when the file is no trace.`,
		Example: `  supervise trace -- ./server
  supervise trace --html trace.html --timeout 5s -- ./server
  supervise up --trace up.trace
  supervise trace --show up.trace --html up.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flagsFromEnvironment(cmd.Flags()); err != nil {
				return exit{exitUsage, err}
			}
			switch {
			case f.show != "" && len(args) > 0:
				return errors.New("--show draws what was recorded: no program is run with it")
			case f.show != "":
				return f.showFile(cmd.OutOrStdout())
			case len(args) == 0:
				return errors.New("no program to run: write supervise trace [flags] -- CMD [ARG...], or --show FILE")
			}
			return f.runProgram(args, receiver)
		},
	}
	f.run.add(cmd.Flags())
	cmd.Flags().StringVar(&f.show, "show", "", "draw the trace in `FILE` and run nothing")
	cmd.Flags().StringVar(&f.html, "html", "", "write a page to `FILE` in place of drawing")
	cmd.Flags().BoolVar(&f.json, "json", false, "print what is drawn as one JSON object")
	cmd.Flags().BoolVar(&f.all, "all", false, "draw every row, however long the history is")
	return cmd
}

// showsOnly says whether a command line of trace runs no program.
func showsOnly(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "--show" || strings.HasPrefix(a, "--show=") || a == "-h" || a == "--help"
	})
}

// remembered is how many events of a run are drawn. A trace in a file has no such
// bound.
const remembered = 1 << 16

func (f *traceFlags) runProgram(args []string, receiver *signals.Receiver) error {
	out, err := f.open(os.Stderr)
	if err != nil {
		return exit{exitUsage, err}
	}
	ring := record.NewRing(remembered)
	f.run.also = sinks{ring}
	header := record.NewHeader(version)
	status := f.run.run(args, receiver)
	if e := (exit{}); errors.As(status, &e) && e.status == exitUsage && e.err != nil {
		return status // nothing was started
	}
	if err := f.draw(out, &record.Trace{Header: header, Events: ring.Last(remembered)}); err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err) // the status stays the program's
	}
	return status
}

func (f *traceFlags) showFile(stdout io.Writer) error {
	t, err := f.read()
	if err != nil {
		return exit{exitUsage, err}
	}
	out, err := f.open(stdout)
	if err != nil {
		return exit{exitUsage, err}
	}
	if err := f.draw(out, t); err != nil && !errors.Is(err, unix.EPIPE) {
		return exit{exitFailed, err}
	}
	return nil
}

func (f *traceFlags) read() (*record.Trace, error) {
	if f.show == "-" {
		return record.Read(os.Stdin)
	}
	return record.Open(f.show)
}

// open gives where to draw. A page is as private as a trace.
func (f *traceFlags) open(otherwise io.Writer) (io.Writer, error) {
	if f.html == "" {
		return otherwise, nil
	}
	file, err := private.Create(f.html)
	if err != nil {
		return nil, fmt.Errorf("--html: %w", err)
	}
	return file, nil
}

func (f *traceFlags) draw(out io.Writer, trace *record.Trace) error {
	t := timeline.Build(trace)
	switch {
	case f.html != "":
		if err := page.Write(out, t); err != nil {
			return fmt.Errorf("writing the page: %w", err)
		}
		fmt.Fprintf(os.Stderr, "supervise: the timeline is in %s\n", f.html)
		if !f.json {
			return nil
		}
		out = os.Stderr
		if f.show != "" {
			out = os.Stdout
		}
		fallthrough
	case f.json:
		b, err := json.Marshal(t)
		if err != nil {
			return err
		}
		_, err = out.Write(append(b, '\n'))
		return err
	}
	return text.Write(out, t, f.look(out))
}

// look is how the terminal wants it drawn.
func (f *traceFlags) look(out io.Writer) text.Look {
	s := screenOf(out)
	return text.Look{Width: s.columns, Colour: s.colour, ASCII: !speaksUTF8(true), All: f.all}
}
