// Package runit knows the files by which runit's programs speak to each other:
// what stands in the folder supervise/ of a service directory, and how it is
// read and written. Source of the formats: runsv.c and sv.c of runit 2.1.2, and
// runsv(8), sv(8).
package runit

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// State is what a service does now.
type State byte

// The states, with the numbers that they have in a status.
const (
	Down State = iota
	Run
	Finish
)

func (s State) String() string {
	return [...]string{"down", "run", "finish"}[s]
}

// Want is what a service is to do.
type Want byte

// What may be wanted. A status tells Exit as Down; only the text tells them apart.
const (
	WantUp Want = iota
	WantDown
	WantExit
)

// Status is what the files status, stat and pid tell of a service.
type Status struct {
	State  State
	Want   Want
	Paused bool
	Termed bool      // TERM was sent to the process that runs
	PID    int       // 0: there is none
	Since  time.Time // the start in Run and Finish, the stop in Down
}

// StatusSize is the length of the file status, in bytes.
const StatusSize = 20

// tai0 is what TAI64 says of the second 0 of Unix: 2^62, and the ten seconds that
// TAI was ahead in 1970. Leap seconds are not counted, as runit's tai_unix doesn't.
const tai0 = 1<<62 + 10

// Bytes is the file status: TAI64N, the pid in little-endian, and four bytes of
// what is the case.
func (s Status) Bytes() [StatusSize]byte {
	var b [StatusSize]byte
	binary.BigEndian.PutUint64(b[0:], uint64(s.Since.Unix())+tai0)
	binary.BigEndian.PutUint32(b[8:], uint32(s.Since.Nanosecond()))
	binary.LittleEndian.PutUint32(b[12:], uint32(s.PID))
	b[16] = bit(s.Paused)
	b[17] = 'd'
	if s.Want == WantUp {
		b[17] = 'u'
	}
	b[18] = bit(s.Termed)
	b[19] = byte(s.State)
	return b
}

// ParseStatus reads the file status.
func ParseStatus(b []byte) (Status, error) {
	if len(b) != StatusSize {
		return Status{}, fmt.Errorf("a status has %d bytes, this one %d", StatusSize, len(b))
	}
	if b[19] > byte(Finish) {
		return Status{}, fmt.Errorf("byte 19 of the status is %d, which is no state: 0 down, 1 run, 2 finish", b[19])
	}
	s := Status{
		State:  State(b[19]),
		Want:   WantDown,
		Paused: b[16] != 0,
		Termed: b[18] != 0,
		PID:    int(int32(binary.LittleEndian.Uint32(b[12:]))),
		Since:  time.Unix(int64(binary.BigEndian.Uint64(b[0:])-tai0), int64(binary.BigEndian.Uint32(b[8:]))),
	}
	if b[17] == 'u' {
		s.Want = WantUp
	}
	return s, nil
}

// Stat is the file stat, the same for people.
func (s Status) Stat() string {
	text := s.State.String()
	if s.Paused {
		text += ", paused"
	}
	if s.Termed {
		text += ", got TERM"
	}
	if s.State != Down {
		switch s.Want {
		case WantDown:
			text += ", want down"
		case WantExit:
			text += ", want exit"
		}
	}
	return text + "\n"
}

// PIDFile is the file pid, empty when nothing runs.
func (s Status) PIDFile() string {
	if s.PID == 0 {
		return ""
	}
	return strconv.Itoa(s.PID) + "\n"
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
