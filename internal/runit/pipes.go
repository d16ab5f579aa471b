package runit

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Pipes are those from services to their log services. Both ends stay open here, so
// that what is written outlives either of the two. Any goroutine may ask for them.
type Pipes struct {
	mutex sync.Mutex
	ends  map[string]*[2]int // read and write end, by the name of the log service
}

// Reader and Writer give a copy of an end of the pipe to a log service, which is
// made if there is none yet. The caller closes it.
func (p *Pipes) Reader(log string) (int, error) { return p.end(log, 0) }

// Writer is the other end, see Reader.
func (p *Pipes) Writer(log string) (int, error) { return p.end(log, 1) }

func (p *Pipes) end(log string, which int) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	ends := p.ends[log]
	if ends == nil {
		ends = &[2]int{}
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return -1, fmt.Errorf("making the pipe to %s: %w", log, err)
		}
		if p.ends == nil {
			p.ends = map[string]*[2]int{}
		}
		p.ends[log] = ends
	}
	fd, err := unix.FcntlInt(uintptr(ends[which]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("copying the pipe to %s: %w", log, err)
	}
	return fd, nil
}

// Close lets go both ends of a pipe: its reader finds the end when no writer is
// left, and what is in it has been read.
func (p *Pipes) Close(log string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if ends := p.ends[log]; ends != nil {
		unix.Close(ends[0])
		unix.Close(ends[1])
		delete(p.ends, log)
	}
}
