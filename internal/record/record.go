// Package record keeps what has happened. A [Ring] holds the last events in
// memory, for those who come to ask what went on before they came, and for
// those who follow. A [File] holds all of them, for later: a trace, which
// [Open] reads.
//
// A trace is text. Its first line is a [Header] in JSON, each further one an
// event as package logs writes it in JSON:
//
//	{"format":"supervise-trace","version":1,"supervise":"v1.2","boot_id":"2c0e…","start":"2026-11-24T04:18:21.123456789Z","mono_ns":5012345678901,"pid":812,"command":["supervise","run","--trace","x","--","./server"]}
//	{"level":"info","time":"2026-11-24T04:18:21.123471Z","event":"supervise.started","seq":1,"mono_ns":5012345693122,"pid":812,"message":"supervise started, pid 812"}
//
// Keys are only ever added; a reader passes over what it does not know. A change
// that an old reader would misunderstand gets another version.
package record

import (
	"encoding/json"
	"os"
	"strings"
	"time"

	"supervise/internal/event"
)

// Format is what the header of a trace says it is, and Version the newest that
// this package reads, and the one that it writes.
const (
	Format  = "supervise-trace"
	Version = 1
)

// Header tells of what a trace is. Start and Mono are one moment by two clocks:
// the wall's, and CLOCK_MONOTONIC, which all processes share until the machine
// with this BootID starts anew.
type Header struct {
	Format    string        `json:"format"`
	Version   int           `json:"version"`
	Supervise string        `json:"supervise"` // its version
	BootID    string        `json:"boot_id,omitempty"`
	Start     time.Time     `json:"start"`
	Mono      time.Duration `json:"mono_ns"`
	PID       int           `json:"pid"` // of supervise
	Command   []string      `json:"command"`
}

// NewHeader describes this process, now.
func NewHeader(version string) Header {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return Header{
		Format: Format, Version: Version, Supervise: version, BootID: strings.TrimSpace(string(boot)),
		Start: time.Now(), Mono: event.Monotonic(), PID: os.Getpid(), Command: shortened(os.Args),
	}
}

// Bounds on what a header tells of a command line, which may have megabytes.
const (
	mostWords = 64
	longWord  = 1 << 10 // bytes
	leftOut   = "…"
)

func shortened(words []string) (short []string) {
	for i, word := range words {
		if i == mostWords {
			return append(short, leftOut)
		}
		if len(word) > longWord {
			word = word[:longWord] + leftOut
		}
		short = append(short, strings.ToValidUTF8(word, "\ufffd"))
	}
	return short
}

func (h Header) line() []byte {
	b, _ := json.Marshal(h) // strings, numbers and a time can always be written
	return append(b, '\n')
}

// Trace is what a file tells.
type Trace struct {
	Header Header // zero: there was none, as in what `supervise events --json` prints
	Events []event.Event
	Cut    bool // the last line is not whole: whoever wrote it was killed, or still writes
}
