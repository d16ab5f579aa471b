package logfile

import (
	"time"

	"supervise/internal/carry"
)

// Carried is a file at one moment, for the next image of the process to go on with,
// see package carry.
type Carried struct {
	FD        carry.FD
	Size      int64
	Born      time.Time
	MidLine   bool
	Due       bool
	Rotations int
}

// Carry gives what there is to know of a file.
func (f *File) Carry() Carried {
	return Carried{carry.FD(f.fd), f.size, f.born, f.midLine, f.due, f.rotations}
}

// Restore has a file that is not open go on where another was.
func (f *File) Restore(c Carried) error {
	f.fd, f.size, f.born, f.midLine, f.due, f.rotations = int(c.FD), c.Size, c.Born, c.MidLine, c.Due, c.Rotations
	if f.fd < 0 {
		return nil
	}
	return f.list() // and packs what was not packed yet
}
