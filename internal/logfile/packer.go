package logfile

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/guard"
)

// Packer compresses rotated files and clears away what a crash has left. One
// goroutine does that for all files, one after the other, on a thread that
// the kernel lets run when nobody else wants to. It begins with the first file
// that there is something to do for.
//
// What can't be compressed (the disk is full, say) stays as it is, and is tried
// again at the next rotation. That is told once, until it works again.
type Packer struct {
	mutex  sync.Mutex
	jobs   map[string]Policy
	order  []string // of jobs
	more   chan struct{}
	done   chan struct{} // nil: not begun
	closed atomic.Bool
	step   func(string) // as of File
	failed func(path string, err error)

	failing map[string]bool // what was told; the goroutine's
}

// NewPacker makes a packer that has nothing to do. failed is called when a part
// of the file at path could not be compressed; it must not wait for the packer.
func NewPacker(failed func(path string, err error)) *Packer {
	return &Packer{jobs: map[string]Policy{}, more: make(chan struct{}, 1), step: func(string) {},
		failed: failed, failing: map[string]bool{}}
}

// Tidy has the parts of path put in order, some time.
func (p *Packer) Tidy(path string, policy Policy) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.closed.Load() {
		return
	}
	if _, waits := p.jobs[path]; !waits {
		p.order = append(p.order, path)
	}
	p.jobs[path] = policy
	if p.done == nil {
		p.done = make(chan struct{})
		guard.Go(p.work)
	}
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// closeWait bounds how long Close waits for a disk.
const closeWait = 2 * time.Second

// Close ends the work. What is being compressed stays uncompressed, until the
// next Tidy of another packer.
func (p *Packer) Close() {
	p.mutex.Lock()
	done := p.done
	if !p.closed.Swap(true) {
		close(p.more)
	}
	p.mutex.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-time.After(closeWait):
		}
	}
}

func (p *Packer) next() (path string, policy Policy, ok bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.order) == 0 {
		return "", policy, false
	}
	path = p.order[0]
	p.order = p.order[1:]
	policy = p.jobs[path]
	delete(p.jobs, path)
	return path, policy, true
}

func (p *Packer) work() {
	defer close(p.done)
	for range p.more {
		for !p.closed.Load() {
			path, policy, ok := p.next()
			if !ok {
				break
			}
			p.tidy(path, policy)
		}
	}
}

// tidy does what [Packer.Tidy] promises.
func (p *Packer) tidy(path string, policy Policy) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	entries, err := entriesOf(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if isUnfinished(base, e) {
			p.step("remove unfinished")
			_ = os.Remove(filepath.Join(dir, e))
		}
	}
	prune(path, policy.MaxFiles)
	for _, part := range partsOf(base, entries) {
		name := filepath.Join(dir, part.Name)
		switch {
		case p.closed.Load():
			return
		case part.Plain && part.Packed: // it was just about to be removed
			p.step("remove packed")
			_ = os.Remove(name)
		case part.Plain && policy.Compress:
			p.report(path, p.pack(name))
		}
	}
	prune(path, policy.MaxFiles) // what was too old already while it was packed
}

// report tells of the first of several failures.
func (p *Packer) report(path string, err error) {
	if errors.Is(err, errClosed) || errors.Is(err, fs.ErrNotExist) { // it was pruned meanwhile
		return
	}
	if err != nil && !p.failing[path] {
		p.failed(path, fmt.Errorf("compressing a rotated log file: %w", err))
	}
	p.failing[path] = err != nil
}

var errClosed = errors.New("the packer was closed")

// pack replaces a file by its compressed form.
func (p *Packer) pack(name string) error {
	retire()
	err := p.compress(name, name+unpacked)
	if err == nil {
		p.step("rename packed")
		err = os.Rename(name+unpacked, name+packed)
	}
	if err != nil {
		_ = os.Remove(name + unpacked)
		return err
	}
	p.step("remove packed")
	_ = os.Remove(name)
	return nil
}

// compress writes to, and returns when it is on the disk.
func (p *Packer) compress(from, to string) (err error) {
	in, err := look(from)
	if err != nil {
		return err
	}
	defer in.Close()
	p.step("create packed")
	_ = os.Remove(to) // whatever it is: nothing that is there is written to
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z := gzip.NewWriter(out)
	buf := make([]byte, 64<<10)
	for {
		if p.closed.Load() {
			return errClosed
		}
		n, err := in.Read(buf)
		if _, werr := z.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	p.step("sync packed")
	return out.Sync()
}

// retire keeps this goroutine on a thread of its own from now on, one with the
// least claim to the processor and the disk.
func retire() {
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
	const idle = 3 << 13 // IOPRIO_CLASS_IDLE, see ioprio_set(2)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, 1, uintptr(unix.Gettid()), idle)
}
