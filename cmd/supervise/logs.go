package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"supervise/internal/api"
	"supervise/internal/visible"
)

func newLogsCommand() *cobra.Command {
	var f clientFlags
	var follow, stamps, raw, all bool
	var last int
	var since string
	cmd := &cobra.Command{
		Use:   "logs NAME... | --all",
		Short: "the output of services, and with -f as it comes",
		Long: `Print what services wrote, as far as it is kept. With -f, go on with what they
write; without -n and --since it then begins with the last ten lines. Where there
is more than one service, each line begins with its name; a + behind that in
place of the | marks what continues a line that was very long.

The bytes are those that the service wrote. On a terminal, control characters
other than tabs and colours are shown as ^[ and the like, so that a log cannot do
anything to the terminal; --raw leaves them as they are.

Exit status: 0; with -f: 1 when supervise has ended; 1 what is asked for is not
kept; ` + clientStatuses,
		Example: `  supervise logs -f web
  supervise logs --since 10m --timestamps 'web@*' db
  supervise logs -n 100 worker | grep -i error`,
		Args: wantsNames(&all),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"name": everyOr(all, args)}
			if last < 0 {
				return fmt.Errorf("-n %d is no number of lines", last)
			}
			if cmd.Flags().Changed("lines") || follow && since == "" {
				query.Set("n", strconv.Itoa(lastOr(cmd.Flags(), last)))
			}
			if since != "" {
				query.Set("since", since)
			}
			if follow {
				query.Set("follow", "1")
			}
			a, err := f.connect()
			if err != nil {
				return err
			}
			show := newLineWriter(cmd.OutOrStdout())
			show.follow, show.stamps, show.json, show.errors = follow, stamps, f.json, cmd.ErrOrStderr()
			show.visible = screenOf(cmd.OutOrStdout()).terminal && !raw
			return f.logs(cmd, a, query, show)
		},
	}
	newClientCommand(cmd, &f)
	cmd.Flags().BoolVar(&all, "all", false, "all services")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what they write")
	cmd.Flags().IntVarP(&last, "lines", "n", 0, "the last `N` lines (default: all, with -f 10)")
	cmd.Flags().StringVar(&since, "since", "", "what was written after a `TIME` (2006-01-02T15:04:05Z), or so long ago (10m)")
	cmd.Flags().BoolVarP(&stamps, "timestamps", "t", false, "begin each line with the time when it was read")
	cmd.Flags().BoolVar(&raw, "raw", false, "leave control characters as they are on a terminal too")
	cmd.Flags().BoolVar(&f.json, "json", false, "print lines as JSON objects, see docs/api.md")
	return cmd
}

// lastOr is how many of what was before are shown: as many as tail(1) does when
// it is not said.
func lastOr(flags *pflag.FlagSet, given int) int {
	if flags.Changed("lines") {
		return given
	}
	return 10
}

func (f *clientFlags) logs(cmd *cobra.Command, a asker, query url.Values, show *lineWriter) error {
	ctx, stop := whileRead(cmd.Context())
	defer stop()
	named, _, err := a.services(ctx, query["name"])
	if err != nil {
		return err
	}
	if len(named) > 1 {
		for i := range named {
			show.width = max(show.width, len(named[i].Name))
		}
	}
	at := a.place(ctx, show.follow)
	for i := range named {
		show.seen.of(named[i].Name)
	}
	err = a.Stream(ctx, "/v1/logs", query, show.line)
	for err == nil && ctx.Err() == nil && show.follow && a.goesOn(ctx, &at) {
		query.Set("since", show.seen.resume().UTC().Format(time.RFC3339Nano))
		query.Del("n")
		if err = a.Stream(ctx, "/v1/logs", query, show.line); err != nil {
			err = fmt.Errorf("going on after supervise was replaced: %w", err)
		}
	}
	if e := show.end(); e != nil && err == nil {
		err = e
	}
	switch {
	case errors.As(err, &cutOff{}):
		return exit{exitNotDone, fmt.Errorf("the supervise at %s went away: %w", a.Socket(), err)}
	case ctx.Err() != nil:
		return nil // nobody reads it
	case err != nil:
		return a.streamFailed(err)
	case show.follow:
		return exit{exitNotDone, fmt.Errorf("the supervise at %s has ended", a.Socket())}
	}
	return nil
}

// lineWriter writes lines of output for people, or as they came.
type lineWriter struct {
	out     *bufio.Writer
	errors  io.Writer
	width   int  // of the names; 0: there is one service only
	follow  bool // write each line at once
	stamps  bool
	json    bool
	visible bool // show control characters

	open bool       // the newline of the last line is still due
	seen *linesSeen // with follow
}

func newLineWriter(out io.Writer) *lineWriter {
	return &lineWriter{out: bufio.NewWriterSize(out, 64<<10), seen: newLinesSeen()}
}

// cutOff says that a line of the answer has no end.
type cutOff struct{ error }

func (w *lineWriter) line(text []byte) error {
	var l api.Line
	if err := json.Unmarshal(text, &l); err != nil {
		return cutOff{fmt.Errorf("a line was cut off: %w", err)}
	}
	if w.follow {
		fresh, gap := w.seen.take(&l)
		if !fresh {
			return nil
		}
		if gap {
			fmt.Fprintf(w.errors, "supervise: lines of %s are missing here: while supervise was replaced, more came than it keeps\n", visible.Text(l.Service))
		}
	}
	if w.json {
		_, _ = w.out.Write(text)
		_ = w.out.WriteByte('\n')
		return w.written()
	}
	if l.Lost > 0 {
		if err := w.end(); err != nil {
			return err
		}
		fmt.Fprintf(w.errors, "supervise: %d bytes of %s are lost here, because they were not read fast enough\n", l.Lost, visible.Text(l.Service))
		return nil
	}
	// Without a prefix, the pieces of a line become one again.
	if w.open && !(l.Part && w.width == 0 && !w.stamps) {
		_ = w.out.WriteByte('\n')
	}
	w.open = true
	w.prefix(&l)
	switch {
	case l.Raw != nil && w.visible:
		_, _ = w.out.WriteString(visible.Line(string(l.Raw)))
	case l.Raw != nil:
		_, _ = w.out.Write(l.Raw)
	case w.visible:
		_, _ = w.out.WriteString(visible.Line(l.Line))
	default:
		_, _ = w.out.WriteString(l.Line)
	}
	return w.written()
}

func (w *lineWriter) prefix(l *api.Line) {
	if w.stamps {
		stamp := "-"
		if l.Time != nil {
			stamp = l.Time.Format("2006-01-02T15:04:05.000000Z07:00")
		}
		_, _ = w.out.WriteString(stamp + " ")
	}
	if w.width > 0 {
		mark := '|'
		if l.Part {
			mark = '+'
		}
		fmt.Fprintf(w.out, "%-*s %c ", w.width, visible.Text(l.Service), mark)
	}
}

// written sends what is written on its way, if somebody waits for it.
func (w *lineWriter) written() error {
	if !w.follow {
		return nil
	}
	return w.end()
}

// end ends the last line.
func (w *lineWriter) end() error {
	if w.open {
		w.open = false
		_ = w.out.WriteByte('\n')
	}
	return w.out.Flush()
}
