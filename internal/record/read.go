package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// Open reads the trace in a file. See [Read].
func Open(path string) (*Trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// longestLine bounds a line, in bytes. None that we write comes near it.
const longestLine = 4 << 20

// Read reads a trace: of a file, or what `supervise events --json` and a log in
// JSON have, which are the same without the header. A last line that is not
// whole is left out. Any other line that is no event is an error that names the
// line.
func Read(from io.Reader) (*Trace, error) {
	t := &Trace{}
	r := bufio.NewReaderSize(from, 64<<10)
	for number := 1; ; number++ {
		line, whole, err := readLine(r)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if !whole && len(line) == 0 {
			break
		}
		if err := t.add(line, number == 1); err != nil {
			if !whole && !errors.As(err, new(versionError)) {
				t.Cut = true
				break
			}
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if t.Header.Version == 0 && len(t.Events) == 0 {
		return nil, errors.New("there is no trace in it; supervise run --trace FILE and supervise up --trace FILE write one")
	}
	return t, nil
}

// readLine gives the next line without its end; whole: that was there.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > longestLine {
			return nil, false, fmt.Errorf("it is longer than %d MiB: that is no trace", longestLine>>20)
		}
		line = append(line, part...)
		switch err {
		case nil:
			return line[:len(line)-1], true, nil
		case bufio.ErrBufferFull:
		case io.EOF:
			return line, false, nil
		default:
			return nil, false, err
		}
	}
}

// versionError is the version of a trace that is newer than ours.
type versionError int

func (v versionError) Error() string {
	return fmt.Sprintf("the trace has version %d of its format, and this supervise reads %d: use the supervise that wrote it, or a later one", int(v), Version)
}

// add takes in one line.
func (t *Trace) add(line []byte, first bool) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	if first {
		var h Header
		if json.Unmarshal(line, &h) == nil && h.Format == Format {
			if h.Version > Version || h.Version < 1 {
				return versionError(h.Version)
			}
			t.Header = h
			return nil
		}
	}
	e, err := decode(line)
	if err != nil {
		return err
	}
	t.Events = append(t.Events, e)
	return nil
}

// written is an event as package logs writes it in JSON.
type written struct {
	Time    time.Time     `json:"time"`
	Event   event.Name    `json:"event"`
	Seq     uint64        `json:"seq"`
	Mono    time.Duration `json:"mono_ns"`
	Service string        `json:"service"`
	PID     int           `json:"pid"`
	Signo   signo         `json:"signo"`
	Was     optional      `json:"was"`
	From    *struct {
		Code  signals.Origin `json:"code"`
		PID   int            `json:"pid"`
		UID   int            `json:"uid"`
		Name  string         `json:"name"`
		Value int64          `json:"value"`
	} `json:"from"`
	To      string `json:"to"`
	Targets []struct {
		PID         int               `json:"pid"`
		Name        string            `json:"name"`
		Disposition event.Disposition `json:"disposition"`
	} `json:"targets"`
	Of     uint64        `json:"of"`
	Became event.Became  `json:"became"`
	After  time.Duration `json:"after_ns"`
	Exit   *struct {
		Code   int      `json:"code"`
		Status int      `json:"status"`
		Signal optional `json:"signal"`
		Core   bool     `json:"core"`
		NotRun string   `json:"not_run"`
		Missed string   `json:"missed"`
	} `json:"exit"`
	Up      time.Duration `json:"up_ns"`
	Delay   time.Duration `json:"delay_ns"`
	Why     string        `json:"why"`
	Message string        `json:"message"`
}

// optional is a signal by its name, or none.
type optional signals.Signal

func (o *optional) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	s, err := signals.Parse(string(b))
	*o = optional(s)
	return err
}

// signo is a signal by its number, or 0.
type signo signals.Signal

func (n *signo) UnmarshalJSON(b []byte) error {
	var v int
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v < 0 || v > int(signals.RTMAX) {
		return fmt.Errorf("no signal has number %d", v)
	}
	*n = signo(v)
	return nil
}

// decode reads what logs.JSON writes. What was rounded or left out there (times of
// day have microseconds) stays so.
func decode(line []byte) (e event.Event, err error) {
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		return e, fmt.Errorf("it is no event: %w", err)
	}
	if w.Event == "" {
		return e, errors.New(`it is no event: it has no "event"`)
	}
	e = event.Event{
		Seq: w.Seq, Time: w.Time, Mono: w.Mono, Name: w.Event, Service: w.Service, PID: w.PID,
		Signal: signals.Signal(w.Signo), Was: signals.Signal(w.Was), To: w.To, Of: w.Of, Became: w.Became, After: w.After,
		Up: w.Up, Delay: w.Delay, Why: w.Why,
	}
	if e.Name == event.ServiceOutput {
		e.Line = w.Message
	}
	for _, t := range w.Targets {
		e.Targets = append(e.Targets, event.Target(t))
	}
	if f := w.From; f != nil {
		e.Sender = f.Name
		e.From = &signals.Received{Signal: e.Signal, Origin: f.Code, PID: f.PID, UID: f.UID, Value: f.Value}
		if e.Was != 0 {
			e.From.Signal = e.Was
		}
	}
	if x := w.Exit; x != nil {
		e.Exit = &policy.Exit{Code: x.Code, Signal: signals.Signal(x.Signal), Core: x.Core, NotRun: x.NotRun, Missed: x.Missed}
		if x.NotRun != "" {
			e.Exit.Code = x.Status
		}
	}
	return e, nil
}
