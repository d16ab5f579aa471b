package config

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// Log says where a service's output goes.
type Log struct {
	To   LogTarget
	File LogFile // with ToFile; else nothing is in it
}

// LogTarget is a destination of output.
type LogTarget string

// The destinations.
const (
	ToConsole LogTarget = "console" // ours, each line behind the service's name
	ToInherit LogTarget = "inherit" // our own descriptors, untouched
	ToFile    LogTarget = "file"    // a file that is rotated
	ToNone    LogTarget = "none"    // /dev/null
)

// Captured says whether the output passes through supervise.
func (t LogTarget) Captured() bool { return t == ToConsole || t == ToFile }

// LogFile is the file that a service's output goes to.
type LogFile struct {
	Path       string        // absolute
	MaxSize    int64         // bytes; the file is rotated before it grows beyond; 0: never
	MaxAge     time.Duration // of the oldest line in the file; 0: never
	MaxFiles   int           // rotated files that are kept beside the one that grows; 0: all
	Compress   bool          // gzip the rotated ones
	Timestamps Timestamps
	Stderr     LogStderr
	Full       LogFull
}

// ErrPath is where stderr goes with [StderrFile].
func (f *LogFile) ErrPath() string { return f.Path + ".err" }

// Paths are the files that are written.
func (f *LogFile) Paths() []string {
	if f.Stderr == StderrFile {
		return []string{f.Path, f.ErrPath()}
	}
	return []string{f.Path}
}

// Timestamps are what is put before each line in a file.
type Timestamps string

// The timestamps.
const (
	NoTimestamps Timestamps = "none"
	RFC3339      Timestamps = "rfc3339" // 2006-01-02T15:04:05.000000Z, in UTC
	TAI64N       Timestamps = "tai64n"  // @ and 24 hexadecimal digits, as of multilog and svlogd
)

// LogStderr is where standard error goes.
type LogStderr string

// The places.
const (
	StderrMerge LogStderr = "merge" // into the same file, in the order of writing
	StderrFile  LogStderr = "file"  // into a file of its own, the path with .err behind it
)

// LogFull is what happens while a file cannot be written.
type LogFull string

// The ways.
const (
	FullBlock LogFull = "block" // nothing is read, so that the service waits when its pipe is full
	FullDrop  LogFull = "drop"  // output is thrown away, and counted
)

// minLogAge keeps a slip of the finger from making a file for each moment.
const minLogAge = time.Second

// logKeys are the keys of [log].
var logKeys = sync.OnceValue(func() []key[draft] {
	return []key[draft]{
		{name: "to", set: into(func(d *draft) *LogTarget { return &d.Log.To }, oneOf(ToConsole, ToInherit, ToFile, ToNone))},
		{name: "path", set: (*draft).setLogPath},
		{name: "max_size", set: into(func(d *draft) *int64 { return &d.Log.File.MaxSize }, size)},
		{name: "max_age", set: (*draft).setLogAge},
		{name: "max_files", set: into(func(d *draft) *int { return &d.Log.File.MaxFiles }, wholeWithin(0, 1_000_000))},
		{name: "compress", set: into(func(d *draft) *bool { return &d.Log.File.Compress }, truth)},
		{name: "timestamps", set: into(func(d *draft) *Timestamps { return &d.Log.File.Timestamps }, oneOf(NoTimestamps, RFC3339, TAI64N))},
		{name: "stderr", set: into(func(d *draft) *LogStderr { return &d.Log.File.Stderr }, oneOf(StderrMerge, StderrFile))},
		{name: "full", set: into(func(d *draft) *LogFull { return &d.Log.File.Full }, oneOf(FullBlock, FullDrop))},
	}
})

func (d *draft) setLogPath(r *report, n *node) {
	s, ok := d.expandedText(r, n)
	switch {
	case !ok:
	case s == "" || strings.HasSuffix(s, "/"):
		r.fail(n, fmt.Sprintf("%q is no file", s), `write the path of a file, as in "log/%n/current"`)
	default:
		d.Log.File.Path = absolute(n.at.File, s)
	}
}

func (d *draft) setLogAge(r *report, n *node) {
	v, ok := length(r, n)
	switch {
	case !ok:
	case v > 0 && v < minLogAge:
		r.fail(n, fmt.Sprintf("%s is too short", v), fmt.Sprintf("it is at least %s, or 0 for never", minLogAge))
	default:
		d.Log.File.MaxAge = v
	}
}

// size reads a number of bytes: "10MB", or the integer 0.
func size(r *report, n *node) (int64, bool) {
	const hint = `write a number and a unit, as in "64KB", "10MB" or "1GiB", or 0 for never`
	switch x := n.scalar.(type) {
	case string:
		v, err := parseSize(x)
		if err != nil || v > math.MaxInt64 {
			r.fail(n, fmt.Sprintf("%q is no size", x), hint)
			return 0, false
		}
		return int64(v), true
	case int64:
		if x != 0 {
			r.fail(n, fmt.Sprintf("%d has no unit", x), fmt.Sprintf("did you mean \"%dB\"?", x))
			return 0, false
		}
		return 0, true
	}
	r.fail(n, "is "+n.kind()+", expected a size", hint)
	return 0, false
}

// finishLog completes what is said about output, and checks that it means
// something together.
func (d *draft) finishLog(r *report) {
	d.checkLogKeys(r)
	if d.Log.To != ToFile {
		d.Log.File = LogFile{}
		return
	}
	if d.Log.File.Path == "" {
		path, _ := d.expand(r, nil, defaultLogPath)
		d.Log.File.Path = absolute(d.Where.File, path)
	}
}

// checkLogKeys refuses keys that mean nothing for where the output goes. What
// stands in [defaults] is for those services that have a use for it.
func (d *draft) checkLogKeys(r *report) {
	if n := d.places["pty"]; n != nil && d.PTY && !d.Log.To.Captured() && d.owns(n) {
		r.fail(n, fmt.Sprintf("means nothing with log.to = %q", d.Log.To), `the terminal's output has to go somewhere: write log.to = "console" or "file"`)
	}
	if d.Log.To == ToFile {
		if n := d.places["log.stderr"]; n != nil && d.PTY && d.Log.File.Stderr == StderrFile {
			r.fail(n, "a terminal has one output for both", `write stderr = "merge", or pty = false`)
		}
		return
	}
	for _, k := range logKeys()[1:] {
		n := d.places["log."+k.name]
		if n != nil && d.owns(n) {
			r.failAt(n.key, n.path, fmt.Sprintf("means nothing with to = %q", d.Log.To), `write to = "file" too, or take it out`)
		}
	}
}

// owns says whether a key stands in the service's own table.
func (d *draft) owns(n *node) bool { return !strings.HasPrefix(n.path, "defaults.") }

// checkLogFiles reports services that would write one file.
func (l *loader) checkLogFiles() {
	owners := map[string]*draft{}
	for _, d := range l.drafts {
		if d.Log.To != ToFile {
			continue
		}
		for _, path := range d.Log.File.Paths() {
			other := owners[path]
			if other == nil {
				owners[path] = d
				continue
			}
			at, key := d.placeOf("log.path")
			hint := "give each a path of its own"
			if other.Template == d.Template {
				hint = "put %n, the whole name, or %i, the instance, into the path"
			}
			l.failAt(at, key, fmt.Sprintf("%s and %s would both write %s", other.Name, d.Name, path), hint)
		}
	}
}

// logFiles checks that what is to be a file is not something else.
func (m machineCheck) logFiles(d *draft) {
	if d.Log.To != ToFile {
		return
	}
	for _, path := range d.Log.File.Paths() {
		if why := notRegular(path); why != "" {
			at, key := d.placeOf("log.path")
			m.failAt(at, key, fmt.Sprintf("%s is %s", path, why), "it is to be a file, which supervise makes and renames")
		}
	}
}

func (p printer) log(table string, s Service) {
	fmt.Fprintf(p, "[%s.log]\n", table)
	p.set("to", quoteTOML(string(s.Log.To)))
	if s.Log.To != ToFile {
		return
	}
	f := s.Log.File
	p.set("path", expandable(f.Path))
	p.set("max_size", sizeText(f.MaxSize))
	p.set("max_age", lengthText(f.MaxAge))
	p.set("max_files", fmt.Sprint(f.MaxFiles))
	p.set("compress", fmt.Sprint(f.Compress))
	p.set("timestamps", quoteTOML(string(f.Timestamps)))
	p.set("stderr", quoteTOML(string(f.Stderr)))
	p.set("full", quoteTOML(string(f.Full)))
}

// sizeText writes a size in the greatest unit that it is a whole number of.
func sizeText(n int64) string {
	if n == 0 {
		return "0"
	}
	for _, u := range []struct {
		name string
		size int64
	}{{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}} {
		if n%u.size == 0 && n/u.size < 1<<50 { // as far as a float64 is exact
			return quoteTOML(fmt.Sprintf("%d%s", n/u.size, u.name))
		}
	}
	return quoteTOML(fmt.Sprintf("%dB", n))
}
